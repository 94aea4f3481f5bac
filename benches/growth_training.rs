//! How work grows with counts: of columns, rows, classes, layers, parameters, epochs.

use std::fmt::Write;

use autograd::{Param, Parameters, Tensor, Var};
use benches::growth::{Case, timed};
use mlp::metrics::confusion_matrix;
use mlp::{
    Activation, Adam, Dataset, Flow, Layer, Linear, Mlp, Module, Mse, Optimizer, Scaler, Sequential, Sgd, Table,
    Trainer, io, one_hot, summary,
};

/// A table of two columns, a class of its own in each row.
fn rows(n: usize) -> String {
    let mut text = String::from("x,kind\n");
    (0..n).for_each(|i| writeln!(text, "{i},\"class {i}\"").unwrap());
    text
}

/// A table of one row.
fn columns(n: usize) -> Table {
    let names: Vec<String> = (0..n).map(|i| format!("x{i}")).collect();
    Table::parse("columns", format!("{}\n{}\n", names.join(","), vec!["1"; n].join(",")).as_bytes()).unwrap()
}

fn linear() -> Linear {
    Linear { w: Param::new([[0.5]]), b: Some(Param::new([0.1])) }
}

fn network(n: usize) -> Mlp {
    Mlp::from_layers((0..n).map(|_| Layer::new(linear(), Activation::Identity)))
}

/// Many parameters that a formula uses at once.
struct Many(Parameters);

impl Many {
    fn new(n: usize) -> Self {
        Many((0..n).fold(Parameters::new(), |all, i| all.with(format!("w{i}"), &Param::new([[1.0]]))))
    }
}

impl Module for Many {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0.params().fold(x, |x, w| x + w)
    }

    fn parameters(&self) -> Parameters {
        self.0.clone()
    }
}

fn sample() -> Dataset {
    Dataset::new(Tensor::from([[1.0]]), Tensor::from([[0.0]])).unwrap()
}

const CASES: &[Case] = &[
    ("table: rows read", |n| {
        let text = rows(n);
        let (time, table) = timed(|| Table::parse("rows", text.as_bytes()).unwrap());
        assert_eq!(table.rows(), n);
        time
    }),
    ("table: columns by name", |n| {
        let table = columns(n);
        let (time, x) = timed(|| table.numbers::<f64>(table.columns()).unwrap());
        assert_eq!(x.sum(), n as f64);
        time
    }),
    ("table: a cell of many lines", |n| {
        let text = format!("x\n\"{}\"\n1\n", "\"\"\n".repeat(n));
        let (time, table) = timed(|| Table::parse("cell", text.as_bytes()).unwrap());
        assert_eq!(table.rows(), 2);
        time
    }),
    ("classes", |n| {
        let table = Table::parse("rows", rows(n).as_bytes()).unwrap();
        let (time, names) = timed(|| {
            let (_, names) = table.classes("kind").unwrap();
            assert_eq!(table.known_classes("kind", &names).unwrap().len(), n);
            names
        });
        assert_eq!(names.len(), n);
        time
    }),
    ("samples: one-hot rows, confusion matrix", |n| {
        let labels: Vec<usize> = (0..n).map(|i| i % 10).collect();
        let (time, counts) = timed(|| confusion_matrix(&one_hot::<f64>(&labels, 10).unwrap(), &labels).unwrap());
        assert_eq!(counts.iter().flatten().sum::<usize>(), n);
        time
    }),
    ("samples: split and batches", |n| {
        let data = Dataset::new(Tensor::<f64>::ones([n, 1]), vec![0; n]).unwrap();
        let (time, seen) = timed(|| {
            let (train, test) = data.split(0.5, 0).unwrap();
            [train, test]
                .iter()
                .flat_map(|part| part.batches(8, Some(1)).unwrap())
                .map(|batch| batch.len())
                .sum::<usize>()
        });
        assert_eq!(seen, n);
        time
    }),
    ("columns: scaler", |n| {
        let x = Tensor::from_fn([2, n], |i| i[0] as f64);
        let (time, y) = timed(|| Scaler::standard(&x).unwrap().transform(&x).unwrap());
        assert_eq!(y.sum(), 0.0);
        time
    }),
    ("layers: parameters and table of a network", |n| {
        let model = network(n);
        let (time, (count, table)) = timed(|| (model.parameters().len(), summary(&model)));
        assert_eq!((count, table.lines().count()), (2 * n, n + 2));
        time
    }),
    ("layers: parameters and table of a sequence", |n| {
        let model = (0..n).fold(Sequential::new(), |all, _| all.then(linear()));
        let (time, (count, table)) = timed(|| (model.parameters().len(), summary(&model)));
        assert_eq!((count, table.lines().count()), (2 * n, n + 2));
        time
    }),
    ("layers: flow and updates", |n| {
        let model = network(n);
        let (time, flow) = timed(|| {
            let flow = Flow::measure(&model, &Tensor::from([[1.0]]), |y| y.sum());
            let before: Vec<_> = model.parameters().params().map(|param| param.value()).collect();
            flow.with_updates(&before, &model.parameters())
        });
        assert!(flow.layers.iter().all(|layer| layer.weights.len() == 2 && layer.weights[0].update == Some(0.0)));
        time
    }),
    ("parameters: optimiser's state by name", |n| {
        let mut adam = Adam::new(&Many::new(n).0, 0.1);
        let (time, state) = timed(|| {
            let state = adam.state();
            adam.set_state(&state).unwrap();
            state
        });
        assert_eq!(state.len(), 3 * n);
        time
    }),
    ("parameters: saved and loaded, each with two names", |n| {
        let model = Many::new(n);
        let tied = Parameters::new().with_all("a", &model.0).with_all("b", &model.0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let (time, _) = timed(|| {
            io::save(&tied, &path).unwrap();
            io::load(&tied, &path).unwrap();
        });
        time
    }),
    ("parameters: two steps, clipped and saved", |n| {
        let model = Many::new(n);
        let folder = tempfile::tempdir().unwrap();
        let trainer = Trainer::new().progress(false).epochs(2).clip_norm(1.0);
        let trainer = trainer.save_training(1, folder.path().join("t.safetensors"));
        let mut adam = Adam::new(&model.0, 1e-3);
        let (time, history) = timed(|| trainer.fit(&model, &Mse, &mut adam, &sample(), None).unwrap());
        assert!(history.last().loss < (n as f64 + 1.0).powi(2));
        time
    }),
    ("epochs: history", |n| {
        let model = linear();
        let mut sgd = Sgd::new(&model.parameters(), 1e-6);
        let trainer = Trainer::new().progress(false).epochs(n);
        let (time, history) = timed(|| trainer.fit(&model, &Mse, &mut sgd, &sample(), Some(&sample())).unwrap());
        assert_eq!(history.epochs.len(), n);
        time
    }),
];

fn main() {
    benches::growth::main(CASES);
}
