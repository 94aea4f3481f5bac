//! Where the system gives no threads, or no memory: in processes of their own, under limits.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use autograd::{Param, Tape, Tensor, awake, backward_in_parts, set_threads};

/// Which of the tests below is to run, in a process that was started for it.
const CHILD: &str = "AUTOGRAD_TEST_CHILD";

fn is_child(name: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|child| child == name)
}

/// Runs the test `name` of this program by itself, with `limit` in force.
fn child(name: &str, limit: &str, as_nobody: bool) {
    let folder = std::env::temp_dir().join(format!("autograd-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    // A copy, for who may not read where this one lies.
    let program = folder.join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [&folder, &program] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("bash");
    let script = format!("{limit} && exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(&program);
    command.args(["--exact", &format!("limits::{name}"), "--test-threads=1", "--nocapture"]);
    command.env(CHILD, name).env("RUST_BACKTRACE", "0");
    // No limit on processes binds root.
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if as_nobody && root {
        command.uid(65534).gid(65534);
    }
    let output = command.output();
    fs::remove_dir_all(&folder).unwrap();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{}: {text}", output.status);
}

/// The threads of this process, where the system tells.
fn threads_now() -> Option<usize> {
    Some(fs::read_dir("/proc/self/task").ok()?.count())
}

/// A large product, a long update and a work in parts.
fn large_work() -> (Tensor, Tensor, Tensor) {
    let x = Tensor::from_fn([512, 512], |i| ((i[0] * 7 + i[1] * 3) % 11) as f64);
    let (w, b) = (Param::new(Tensor::ones([1 << 20])), Param::new([1.0, 2.0]));
    let tape = Tape::new();
    w.on(&tape).square().sum().backward().update_each(&w, [], |w, dw, []| *w -= 0.25 * dw);
    let mut tapes = [Tape::new(), Tape::new(), Tape::new()];
    let (grads, _) = backward_in_parts(&mut tapes, |part, tape| ((b.on(tape) * part as f64).sum(), ()));
    (awake(|| x.matmul(&x)), w.value(), grads[&b].clone())
}

#[test]
#[cfg(target_os = "linux")]
fn without_threads_work_goes_on_alone() {
    if !is_child("without_threads_work_goes_on_alone") {
        return child("without_threads_work_goes_on_alone", "ulimit -u 1", true);
    }
    assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "there is a thread to be had after all");
    set_threads(4);
    let found = large_work();
    assert_eq!(threads_now(), Some(1));
    set_threads(1);
    assert!(found == large_work());
}

#[test]
#[cfg(target_os = "linux")]
fn one_thread_starts_no_other() {
    if !is_child("one_thread_starts_no_other") {
        return child("one_thread_starts_no_other", "true", false);
    }
    set_threads(1);
    let before = threads_now();
    let found = large_work();
    assert_eq!(threads_now(), before);
    set_threads(2);
    assert!(found == large_work());
    assert!(threads_now() > before, "the count sees threads");
}

fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("memory has an end");
    payload.downcast_ref::<String>().cloned().expect("a message")
}

#[test]
#[cfg(target_os = "linux")]
fn at_the_end_of_memory_tapes_stay_usable() {
    if !is_child("at_the_end_of_memory_tapes_stay_usable") {
        return child("at_the_end_of_memory_tapes_stay_usable", "ulimit -v 2000000", false);
    }
    let mut tape = Tape::new();
    for _ in 0..2 {
        tape.clear();
        let x = tape.var(Tensor::full([1 << 20], 0.5));
        let mut y = x;
        let found = message(|| {
            loop {
                y += 1.0;
            }
        });
        assert_eq!(
            found,
            "plus_number: there is no memory for the 1048576 values of shape (1048576,); work in smaller parts?"
        );
        let steps = tape.census()["plus_number"] as f64;
        assert!(steps > 10.0);
        assert_eq!(y.value().as_slice()[7], 0.5 + steps, "what was recorded is there");
    }
    tape.clear();
    let x = tape.var([3.0]);
    assert_eq!(x.square().sum().backward()[x].item(), 6.0);

    let mut tape = Tape::new();
    for _ in 0..2 {
        tape.clear();
        let mut y = tape.scalar(1.0);
        let found = message(|| {
            loop {
                y *= 1.0;
            }
        });
        assert!(found.starts_with("tape: there is no memory for ") && found.contains(" nodes"), "{found}");
        assert!(tape.len() > 1_000_000);
    }
    tape.clear();
    let x = tape.scalar(3.0);
    assert_eq!((x * x).backward()[x], 6.0);
    assert!(message(|| drop(Tensor::<f64>::ones(1 << 29))).starts_with("ones: there is no memory for the"));
}
