//! What is written of a training: lines of JSON, tables, event files.

use std::fs;
use std::path::PathBuf;

use autograd::{Param, Tensor};
use mlp::flow::FlowLog;
use mlp::train::{Averaging, BestWeights, EarlyStopping, JsonLines, load_csv, load_json_lines};
use mlp::{Activation, Adam, Average, CrossEntropy, Epoch, Flow, History, Linear, Module, Sequential, Table, Trainer};

use crate::interrupted::{Make, data, fit, model};

#[test]
fn a_log_that_is_none_is_refused_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let make: Make = |parameters, rate| Box::new(Adam::new(parameters, rate));
    fit(make, folder.path(), 1, Some(2));
    fit(make, folder.path(), 1, Some(12));
    let path = folder.path().join("log.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    assert!(lines.lines().count() >= 2);
    fs::write(&path, format!("{lines}no epoch\n{{\"epoch\":99")).unwrap();
    let model = model();
    let mut adam = Adam::new(&model.parameters(), 0.02);
    let trainer = Trainer::new().progress(false).epochs(9).resume_from(folder.path().join("t.safetensors"));
    let trainer = trainer
        .batch_size(9)
        .callback(EarlyStopping::new(3))
        .callback(BestWeights::new())
        .callback(Averaging::new(Average::exponential(&model.parameters(), 0.9)))
        .callback(JsonLines::new(&path));
    let error = trainer.fit(&model, &CrossEntropy, &mut adam, &data(50), Some(&data(30))).unwrap_err().to_string();
    let line = lines.lines().count() + 1;
    assert!(error.contains(&format!("log.jsonl, line {line}: not an epoch in JSON (expected ident")), "{error}");
    assert!(fs::read_to_string(&path).unwrap().contains("no epoch"));
    // An unfinished last line is left out.
    fs::write(&path, format!("{lines}{{\"epoch\":99")).unwrap();
    assert_eq!(load_json_lines(&path).unwrap().len(), lines.lines().count());
}

#[test]
fn tables_of_epochs_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let make: Make = |parameters, rate| Box::new(Adam::new(parameters, rate));
    let (mut history, _) = fit(make, folder.path(), 1, None);
    history.epochs.push(Epoch::new(5, 0.1 + 0.2)); // without the other values
    let path = folder.path().join("history.csv");
    history.save_csv(&path).unwrap();
    assert_eq!(load_csv(&path).unwrap(), history.epochs);
    let json = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&json).unwrap(), history);
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        load_csv(&path).unwrap_err().to_string().replace(&path.display().to_string(), "h.csv")
    };
    let repair = "; History::save_csv writes such files";
    assert_eq!(
        refused("a,b\n"),
        format!("h.csv, line 1: the header does not begin with `epoch` and hold `loss`{repair}")
    );
    assert_eq!(refused("epoch,loss\n1\n"), format!("h.csv, line 2: found 1 cells, the header has 2{repair}"));
    assert_eq!(refused("epoch,loss\n1,low\n"), format!("h.csv, line 2: `low` is no value of `loss`{repair}"));
    assert_eq!(refused("epoch,loss\n1,\n"), format!("h.csv, line 2: `` is no value of `loss`{repair}"));
    assert_eq!(refused("epoch,loss\none,1\n"), format!("h.csv, line 2: `one` is no value of `epoch`{repair}"));
}

/// A reader of event files from the description of the format, with a CRC of the textbook.
mod events {
    use std::collections::BTreeMap;

    /// The remainder of the polynomial division, bit by bit from the front, of reflected bytes.
    fn crc32c(bytes: &[u8]) -> u32 {
        let mut remainder = u32::MAX;
        for byte in bytes {
            remainder ^= u32::from(byte.reverse_bits()) << 24;
            for _ in 0..8 {
                let top = remainder >> 31 == 1;
                remainder <<= 1;
                if top {
                    remainder ^= 0x1edc_6f41;
                }
            }
        }
        (!remainder).reverse_bits()
    }

    fn checked(bytes: &[u8], masked: &[u8]) {
        let masked = u32::from_le_bytes(masked.try_into().unwrap()).wrapping_sub(0xa282_ead8);
        assert_eq!(masked.rotate_left(15), crc32c(bytes));
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// The events of a file.
    pub(super) fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut records = vec![];
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(12);
            checked(&head[..8], &head[8..]);
            let n = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
            checked(&rest[..n], &rest[n..n + 4]);
            records.push(rest[..n].to_vec());
            bytes = &rest[n + 4..];
        }
        records
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut x = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            x |= u64::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        x
    }

    /// The fields of a message, each with its bytes; numbers as 8 bytes.
    pub(super) fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Vec<Vec<u8>>> {
        let mut fields = BTreeMap::<u64, Vec<Vec<u8>>>::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let n = match key & 7 {
                0 => {
                    let x = varint(&mut bytes).to_le_bytes().to_vec();
                    fields.entry(key >> 3).or_default().push(x);
                    continue;
                }
                1 => 8,
                2 => varint(&mut bytes) as usize,
                5 => 4,
                kind => panic!("kind {kind}"),
            };
            let (value, rest) = bytes.split_at(n);
            fields.entry(key >> 3).or_default().push(value.to_vec());
            bytes = rest;
        }
        fields
    }
}

#[test]
fn event_files_hold_what_the_history_does() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs").join("1");
    let fit = |trainer: Trainer<'_>| {
        let model = model();
        let mut adam = Adam::new(&model.parameters(), 0.02);
        let trainer = trainer.progress(false).callback(mlp::train::TensorBoard::new(&runs));
        trainer.fit(&model, &CrossEntropy, &mut adam, &data(50), Some(&data(30))).unwrap()
    };
    let path = folder.path().join("t.safetensors");
    let first = fit(Trainer::new().epochs(3).save_training(2, &path).batch_size(300));
    let second = fit(Trainer::new().epochs(200).tolerance(0.69).resume_from(&path));
    let mut names: Vec<PathBuf> = fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), 2);
    for (name, history, session) in [(&names[0], &first, false), (&names[1], &second, true)] {
        let records = events::records(&fs::read(name).unwrap());
        let events: Vec<_> = records.iter().map(|bytes| events::fields(bytes)).collect();
        assert_eq!(events[0][&3], [b"brain.Event:2".to_vec()]);
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        let (head, epochs) = events.split_at(1 + usize::from(session));
        if session {
            assert_eq!(number(&head[1][&2][0]), 4, "what came behind the checkpoint is dropped");
            assert_eq!(number(&events::fields(&head[1][&7][0])[&1][0]), 1);
        }
        assert_eq!(epochs.len(), history.epochs.len());
        for (event, epoch) in epochs.iter().zip(&history.epochs) {
            assert_eq!(number(&event[&2][0]), epoch.epoch as u64);
            assert!(f64::from_le_bytes(event[&1][0][..].try_into().unwrap()) > 1.7e9, "seconds since 1970");
            let summary = events::fields(&event[&5][0]);
            let values = summary[&1].iter().map(|value| {
                let value = events::fields(value);
                let x = f32::from_le_bytes(value[&2][0][..].try_into().unwrap());
                (String::from_utf8(value[&1][0].clone()).unwrap(), x)
            });
            let expected: Vec<_> = epoch.values().map(|(name, x)| (name.to_string(), x as f32)).collect();
            assert_eq!(values.collect::<Vec<_>>(), expected);
        }
    }
}

/// A flow of one layer in which the gradient of the output is `factor`.
fn flow_of(factor: f64) -> Flow {
    let model = Sequential::new().then(Linear { w: Param::new([[2.0, 0.0, -1.0]]), b: None }).then(Activation::Relu);
    Flow::measure(&model, &Tensor::from([[1.0], [3.0]]), |y| y.sum() * factor)
}

#[test]
fn flows_are_written_as_numbers_and_a_later_training_replaces_or_continues_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.csv");
    let write = |steps: &[usize]| {
        let mut log = FlowLog::new().csv(&path);
        steps.iter().for_each(|&step| log.record(step, &flow_of(step as f64)));
        log.finish().unwrap();
    };
    let steps = || Table::read(&path).unwrap().numbers::<f64>(&["step"]).unwrap().to_vec();
    write(&[1, 11, 21]);
    assert_eq!(steps(), [1.0, 1.0, 11.0, 11.0, 21.0, 21.0]);
    let table = Table::read(&path).unwrap();
    assert_eq!(table.columns()[4..], FlowLog::COLUMNS);
    assert_eq!(table.text("kind").unwrap()[..2], ["linear", "relu"]);
    let flow = flow_of(11.0);
    let relu = &flow.layers[1];
    let gradients = relu.outputs.gradients.as_ref().unwrap();
    let expected = [
        ("output_rms", relu.outputs.values.rms()),
        ("output_q95", relu.outputs.values.quantiles[5]),
        ("dead", relu.dead.unwrap()),
        ("gradient_norm", gradients.norm),
        ("gradient_q50", 11.0),
        ("scale", relu.scale.unwrap()),
    ];
    let rows = table.select(&[3]).unwrap();
    for (column, value) in expected {
        assert_eq!(rows.numbers::<f64>(&[column]).unwrap().item(), value, "{column}");
    }
    assert_eq!(table.text("weight_norm").unwrap()[3], "", "an activation has no weights");

    // Half a line of a killed process goes; a resumed training continues; one that begins anew replaces.
    fs::write(&path, fs::read_to_string(&path).unwrap() + "31,0,0,li").unwrap();
    write(&[21, 31]);
    assert_eq!(steps(), [1.0, 1.0, 11.0, 11.0, 21.0, 21.0, 31.0, 31.0]);
    write(&[1]);
    assert_eq!(steps(), [1.0, 1.0]);

    fs::write(&path, "a,b\n1,2\n").unwrap();
    let mut log = FlowLog::new().csv(&path);
    log.record(5, &flow_of(1.0));
    log.record(6, &flow_of(1.0));
    let error = log.finish().unwrap_err().to_string().replace(&path.display().to_string(), "f.csv");
    assert_eq!(
        error,
        "f.csv, line 1: the header is not that of a table of flows; delete the file, or write to another"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n1,2\n");
}

#[test]
fn flows_are_curves_by_the_steps_of_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = FlowLog::new().tensorboard(folder.path());
    [7, 9].iter().for_each(|&step| log.record(step, &flow_of(step as f64)));
    log.finish().unwrap();
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let events: Vec<_> = events::records(&fs::read(file).unwrap()).iter().map(|bytes| events::fields(bytes)).collect();
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let steps: Vec<u64> = events[1..].iter().map(|event| number(&event[&2][0])).collect();
    assert_eq!(steps, [7, 7, 9], "what the folder has from step 7 on is dropped");
    let summary = events::fields(&events[3][&5][0]);
    let values: Vec<(String, f32)> = summary[&1]
        .iter()
        .map(|value| {
            let value = events::fields(value);
            let x = f32::from_le_bytes(value[&2][0][..].try_into().unwrap());
            (String::from_utf8(value[&1][0].clone()).unwrap(), x)
        })
        .collect();
    assert!(values.contains(&("gradient_q50/1 1 relu".into(), 9.0)), "{values:?}");
    assert!(values.iter().all(|(name, x)| x.is_finite() && !name.contains("weight_norm/1")), "{values:?}");
}

#[test]
fn the_alternate_form_of_a_flow_has_its_quantiles() {
    let flow = flow_of(2.0);
    let (short, long) = (flow.to_string(), format!("{flow:#}"));
    assert_eq!(
        long.strip_prefix(&short).unwrap(),
        "\
quantiles  output 5 %     50 %     95 %  sums 5 %     50 %     95 % ∂E/∂out 5 %     50 %     95 %
0 0 linear     -2.5e0    0.0e0    5.0e0         –        –        –       0.0e0    0.0e0    2.0e0
1 1 relu        0.0e0    0.0e0    5.0e0    -2.5e0    0.0e0    5.0e0       2.0e0    2.0e0    2.0e0
"
    );
}
