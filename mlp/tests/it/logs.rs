//! What is written of a training: lines of JSON, tables, event files.

use std::fs;
use std::path::PathBuf;

use mlp::train::{Averaging, BestWeights, EarlyStopping, JsonLines, load_csv, load_json_lines};
use mlp::{Adam, Average, CrossEntropy, Epoch, History, Module, Trainer};

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
