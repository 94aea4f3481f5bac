//! Seeing the graph: what a formula and a small network leave on the tape, counted and drawn.
//!
//! The drawings go to the folder given as argument, else beside the compiled program: whoever built it can write there, and
//! running it changes nothing in the source tree. Those of the documentation lie in `examples/pictures`; at the end the
//! program compares, so they cannot go stale. To renew them: `cargo run --release -p examples --example graph examples/pictures`.

use std::path::{Path, PathBuf};

use autograd::{Graph, Param, Parameters, Tape, Tensor, Var};

fn main() -> std::io::Result<()> {
    let beside = std::env::current_exe()?.with_file_name("pictures");
    let folder = std::env::args().nth(1).map_or(beside, PathBuf::from);
    std::fs::create_dir_all(&folder)?;

    // A formula. Names are for the drawing only; what has none is numbered.
    let tape = Tape::new();
    let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
    let z = x * y + x.sin();
    let graph = z.graph().name(x, "x").name(y, "y").name(z, "z").values(true).gradients(&z.backward());
    println!("z = x·y + sin x\n{graph}\n\n{}", graph.to_dot());
    let formula = write(&folder.join("graph.svg"), &graph)?;

    // A network. Its parameters take their names from the model; gradients of intermediate arrays are kept where asked.
    let network = Network::new();
    let tape = Tape::new();
    let (inputs, targets) = (tape.constant(XOR), tape.constant(Tensor::from([[0.0], [1.0], [1.0], [0.0]])));
    let hidden = network.hidden(inputs).watch();
    let loss = (network.output(hidden) - targets).square().mean();
    let graph = loss.graph().parameters(&network.parameters()).name(inputs, "x").name(targets, "t");
    let graph = graph.name(hidden, "h").name(loss, "loss").values(true).gradients(&loss.backward());
    println!("A 2-2-1 network\n{graph}");
    let drawn = write(&folder.join("network.svg"), &graph)?;
    println!("\nDrawn in {}", folder.display());

    assert_eq!((graph.nodes(), graph.longest_path()), (15, 8));
    let kept = |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures").join(name));
    assert!(
        formula == kept("graph.svg")?,
        "graph.svg is no longer that of the documentation; renew it as said at the top"
    );
    // The last digit of a matrix product may differ from one processor to another: compare what is drawn, not the numbers.
    let boxes = |svg: &str| (svg.matches("<rect").count(), svg.matches("<path").count());
    assert_eq!(boxes(&drawn), boxes(&kept("network.svg")?), "renew network.svg as said at the top");
    Ok(())
}

fn write(file: &Path, graph: &Graph<'_>) -> std::io::Result<String> {
    let svg = graph.to_svg();
    std::fs::write(file, &svg)?;
    Ok(svg)
}

const XOR: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];

/// Two inputs, two hidden nodes, one output.
struct Network {
    w1: Param, // (2, 2)
    b1: Param, // (2,)
    w2: Param, // (2, 1)
    b2: Param, // (1,)
}

impl Network {
    fn new() -> Self {
        Network {
            w1: Param::new([[0.9, -0.4], [-0.6, 1.1]]),
            b1: Param::new([0.1, -0.2]),
            w2: Param::new([[0.7], [0.8]]),
            b2: Param::new([0.3]),
        }
    }

    fn hidden<'t>(&self, x: Var<'t>) -> Var<'t> {
        (x.matmul(&self.w1) + &self.b1).tanh()
    }

    fn output<'t>(&self, hidden: Var<'t>) -> Var<'t> {
        hidden.matmul(&self.w2) + &self.b2
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("w1", &self.w1).with("b1", &self.b1).with("w2", &self.w2).with("b2", &self.b2)
    }
}
