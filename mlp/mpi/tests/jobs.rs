//! Jobs of several processes: the same bits, failures, and checkpoints that a killed job leaves. They need `mpirun`.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Example `train`, which `cargo test -p mlp-mpi` builds before this test runs; with `--test jobs` it stays as it was.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let program = test.ancestors().nth(2).expect("a folder of a profile").join("examples/train");
    assert!(program.exists(), "{} is not built", program.display());
    program
}

fn mpirun(arguments: &[&str]) -> Command {
    let mut command = Command::new("mpirun");
    // More ranks than cores, as root, in containers that forbid processes to read the memory of others: what tests meet.
    for (name, value) in [
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
        ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
    ] {
        command.env(name, value);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A job of `ranks` ranks, with these settings.
fn job(ranks: usize, settings: &[&str]) -> Command {
    let mut command = mpirun(&["-n", &ranks.to_string()]);
    command.arg(program()).args(settings);
    command
}

fn succeeded(mut command: Command) -> Output {
    let output = command.output().expect("mpirun starts");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn setting(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

const SHORT: [&str; 2] = ["epochs=6", "parts=5"];

/// The file of weights after a short training, resumed or not.
fn weights(folder: &Path, mut command: Command) -> Vec<u8> {
    let path = folder.join("weights.safetensors");
    let _ = fs::remove_file(&path);
    command.arg(setting("weights", &path));
    succeeded(command);
    fs::read(&path).expect("the first rank has written it")
}

#[test]
fn weights_are_the_same_bytes_for_any_number_of_ranks_and_without_mpi() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut without = Command::new(program());
    without.args(SHORT).arg("alone=true");
    let alone = weights(folder.path(), without);
    let mut single = Command::new(program());
    single.args(SHORT);
    assert!(weights(folder.path(), single) == alone, "a process that mpirun did not start");
    for ranks in [1, 2, 3, 4] {
        for threads in ["1", "2"] {
            let mut command = job(ranks, &SHORT);
            command.arg(format!("threads={threads}"));
            assert!(weights(folder.path(), command) == alone, "{ranks} ranks of {threads} threads");
        }
    }
}

#[test]
fn all_reduce_gives_weights_near_those() {
    let folder = tempfile::tempdir().expect("a folder");
    let [ours, theirs] = ["false", "true"].map(|on| {
        let path = folder.path().join(on);
        let mut command = job(4, &["epochs=2", "parts=4"]);
        command.arg(format!("all_reduce={on}")).arg(setting("weights", &path));
        succeeded(command);
        fs::read(&path).expect("weights")
    });
    assert_eq!(ours.len(), theirs.len());
    assert!(ours != theirs, "sums of four in order and by a library");
    let values = |bytes: &[u8]| -> Vec<f64> {
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("a length")) as usize;
        bytes[8 + length..].chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().expect("8 bytes"))).collect()
    };
    assert!(values(&ours).iter().zip(values(&theirs)).all(|(a, b)| (a - b).abs() < 1e-9)); // NaN is not
}

#[test]
fn ranks_that_differ_end_the_job_with_one_line_that_names_it() {
    let program = program();
    let program = program.to_str().expect("a path of text");
    for (other, named) in
        [("seed=1", "the values of the model"), ("parts=8", "the number of parts: Fixed(8), where rank 0 has Fixed(4)")]
    {
        let began = Instant::now();
        let output = mpirun(&["-n", "2", program, ":", "-n", "1", program, other]).output().expect("mpirun starts");
        assert!(!output.status.success());
        assert!(began.elapsed() < Duration::from_secs(20));
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].contains(&format!("rank 2 differs from rank 0 in {named}")), "{said}");
    }
}

#[test]
fn a_rank_that_ends_before_the_others_is_named() {
    let program = program();
    let program = program.to_str().expect("a path of text");
    let mut command = mpirun(&["-n", "2", program, ":", "-n", "1", program, "alone=true", "epochs=1"]);
    let job = command.stderr(Stdio::piped()).spawn().expect("mpirun starts");
    let said = failed_saying(job, Duration::from_secs(20));
    let mut lines: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    lines.dedup(); // another rank may say it too, until the job has ended
    assert_eq!(lines, ["error: rank 2: it ended while others were waiting for it"], "{said}");
}

/// The processes that another one started.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let number = |name: std::ffi::OsString| name.to_str()?.parse::<u32>().ok();
    let parent_of = |process: u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok() // the name may hold anything
    };
    processes
        .filter_map(|entry| number(entry.file_name()))
        .filter(|process| parent_of(*process) == Some(parent))
        .collect()
}

/// Waits for a job that is bound to end: whether it failed.
fn failed(job: &mut Child, within: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < within {
        if let Some(status) = job.try_wait().expect("a child") {
            return !status.success();
        }
        sleep(Duration::from_millis(20));
    }
    let _ = job.kill();
    panic!("the job goes on {within:?} after one of its ranks ended");
}

/// What a job says that is bound to fail.
fn failed_saying(mut job: Child, within: Duration) -> String {
    let mut said = String::new();
    let mut from = job.stderr.take().expect("it is piped");
    assert!(failed(&mut job, within));
    from.read_to_string(&mut said).expect("text");
    said
}

/// The epochs of a training that is killed on its way.
const LONG: usize = 24;

#[test]
fn a_rank_that_is_killed_ends_the_job_and_the_checkpoint_resumes() {
    let folder = tempfile::tempdir().expect("a folder");
    let saved = folder.path().join("training.safetensors");
    let long = [format!("epochs={LONG}"), "parts=4".to_string()];
    let long = long.each_ref().map(String::as_str);
    let whole = weights(folder.path(), job(2, &long));
    let epochs = || mlp::train::progress(&saved).map(|progress| progress.epochs);
    let mut rng = StdRng::seed_from_u64(11);
    let (mut resumed, mut finished) = (0, 0);
    for kill in 0..20 {
        let _ = fs::remove_file(&saved);
        let mut command = job(2 + kill % 2, &long);
        command.arg(setting("save", &saved)).stdout(Stdio::null()).stderr(Stdio::null());
        let mut job = command.spawn().expect("mpirun starts");
        // By epochs, not by the clock: machines are slow and fast.
        let (began, epoch) = (Instant::now(), rng.random_range(0..LONG - 5));
        while !epochs().is_ok_and(|now| now >= epoch) && job.try_wait().expect("a child").is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?} of {epoch} epochs", epochs());
            sleep(Duration::from_millis(5));
        }
        sleep(Duration::from_micros(rng.random_range(0..20_000)));
        let ranks = children(job.id());
        let killed = !ranks.is_empty() && {
            let rank = ranks[rng.random_range(0..ranks.len())].to_string();
            Command::new("kill").args(["-9", &rank]).status().expect("kill").success()
        };
        if failed(&mut job, Duration::from_secs(15)) {
            assert!(killed, "the job failed by itself");
        } else {
            // The rank had done its work: until somebody asks how a process has ended, it can still be killed.
            assert_eq!(
                epochs().expect("a whole checkpoint"),
                LONG,
                "a rank was killed ({killed}), and the job went on"
            );
            finished += 1;
        }
        // Nothing half-written: whatever is there resumes, on another number of ranks, to the same bytes.
        if saved.exists() && epochs().expect("a whole checkpoint") < LONG {
            resumed += 1;
            let mut command = self::job(1 + kill % 4, &long);
            command.arg(setting("resume", &saved));
            assert!(weights(folder.path(), command) == whole, "kill {kill}");
        }
    }
    println!("20 kills: {resumed} checkpoints resumed, {finished} jobs had finished");
    assert!(resumed >= 10, "{resumed} of 20 left a checkpoint to resume");
}
