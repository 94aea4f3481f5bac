//! What is said and drawn about a graph.

use autograd::{Custom, Param, Parameters, Tape, Tensor, Var};

#[test]
fn a_small_graph_as_dot() {
    let tape = Tape::new();
    let (x, y) = (tape.scalar(2.0), tape.scalar(3.0));
    let z = x * y + x.sin();
    let graph = z.graph().name(x, "x").name(y, "y").name(z, "z").values(true).gradients(&z.backward());
    let want = r#"digraph {
  rankdir=LR;
  node [shape=box, fontname="sans-serif"];
  n0 [label="x\nvalue 2\ngradient 2.584", style="rounded,bold"];
  n1 [label="y\nvalue 3\ngradient 2", style="rounded,bold"];
  n2 [label="v₁ = x · y\nvalue 6\ngradient 1"];
  n0 -> n2;
  n1 -> n2;
  n3 [label="v₂ = sin(x)\nvalue 0.9093\ngradient 1"];
  n0 -> n3;
  n4 [label="z = v₁ + v₂\nvalue 6.909\ngradient 1"];
  n2 -> n4;
  n3 -> n4;
}
"#;
    assert_eq!(graph.to_dot(), want);
}

#[test]
fn arrays_parameters_and_constants_as_dot() {
    let (w, b) = (Param::new([[1.0], [2.0]]), Param::new([0.5]));
    let tape = Tape::new();
    let x = tape.constant(Tensor::ones([3, 2]));
    let y = x.matmul(&w) + &b;
    let loss = (y * tape.scalar_constant(-3.0)).sum();
    let graph = loss.graph().parameters(&Parameters::new().with("w", &w)).name(loss, "loss");
    let want = r#"digraph {
  rankdir=LR;
  node [shape=box, fontname="sans-serif"];
  n0 [label="c₁\nshape (3, 2)", style=dashed];
  n1 [label="w\nshape (2, 1)", peripheries=2];
  n2 [label="v₁ = matmul(c₁, w)\nshape (3, 1)"];
  n0 -> n2;
  n1 -> n2;
  n3 [label="w₁\nshape (1,)", peripheries=2];
  n4 [label="v₂ = v₁ + w₁\nshape (3, 1)"];
  n2 -> n4;
  n3 -> n4;
  n5 [label="−3", style=dashed];
  n6 [label="v₃ = v₂ · (−3)\nshape (3, 1)"];
  n4 -> n6;
  n5 -> n6;
  n7 [label="loss = sum(v₃)"];
  n6 -> n7;
}
"#;
    assert_eq!(graph.to_dot(), want);
}

#[test]
fn formulas_read_as_people_write_them() {
    let tape = Tape::new();
    let x = tape.var([0.5, 0.25]);
    let formulas = [
        (x + 1.0, "x + 1"),
        (x - 1.0, "x − 1"),
        (1.0 - x, "1 − x"),
        (x * -2.0, "−2 · x"),
        (x / -2.0, "x / (−2)"),
        (1.0 / x, "1 / x"),
        (-x, "−x"),
        (x.square(), "x²"),
        (x.powi(3), "x^3"),
        (x.leaky_relu(0.1), "leaky_relu(x, 0.1)"),
        (x.clamp(0.0, 1.0), "clamp(x, 0, 1)"),
        (x.maximum(x), "max(x, x)"),
        (x.less(x), "x < x"),
    ];
    for (y, want) in formulas {
        let dot = y.graph().name(x, "x").name(y, "y").to_dot();
        assert!(dot.contains(&format!("\"y = {want}\\n")), "{want}: {dot}");
    }
    let many = Tensor::<f64>::ones([1]);
    let parts: Vec<_> = (0..20).map(|_| tape.var(many.clone())).collect();
    let joined = Var::concat(&parts, 0);
    assert!(joined.graph().to_dot().contains("concat of 20"));
}

#[test]
fn statistics_of_chains_and_diamonds() {
    let tape = Tape::new();
    let x = tape.scalar(0.5);
    let mut y = x;
    for _ in 0..10 {
        y = y.sin() + y.cos(); // a diamond: three nodes, two on the way
    }
    let unused = x.exp();
    assert_eq!((y.graph().nodes(), y.graph().longest_path()), (31, 20));
    assert_eq!((unused.graph().nodes(), unused.graph().longest_path()), (2, 1));
    assert_eq!(tape.graph().nodes(), 32);
    let census: Vec<_> = tape.census().into_iter().map(|(name, count)| (name.to_string(), count)).collect();
    assert_eq!(Vec::from_iter(tape.graph().census()), census);
    assert_eq!(y.graph().census()["plus"], 10);
    assert_eq!(x.graph().longest_path(), 0);
    assert_eq!(Tape::new().graph().longest_path(), 0);
}

#[test]
fn readings_are_not_operations() {
    let tape = Tape::new();
    let (a, x) = (tape.scalar(2.0), tape.var([1.0, 2.0]));
    let y = (x * a).sum() * a; // a as an array, the sum as a number
    let graph = y.graph();
    assert_eq!((graph.nodes(), graph.longest_path()), (7, 3));
    assert_eq!(graph.to_dot().matches("label").count(), 5);
}

struct CubeRoot;

impl Custom for CubeRoot {
    fn forward(&self, x: &[Tensor]) -> Tensor {
        x[0].map(f64::cbrt)
    }
    fn vjp<'t>(&self, _: &[Var<'t>], y: Var<'t>, dy: Var<'t>) -> Vec<Var<'t>> {
        vec![dy / (3.0 * y.square())]
    }
}

#[test]
fn operations_of_ones_own_count_and_show_their_name() {
    let tape = Tape::new();
    let x = tape.var([8.0, 27.0]);
    let graph = Var::custom(CubeRoot, &[x]).graph().values(true).name(x, "x");
    assert_eq!((graph.census()["CubeRoot"], graph.longest_path(), graph.bytes()), (1, 1, tape.bytes()));
    assert!(graph.to_dot().contains(r#"v₁ = CubeRoot(x)\nshape (2,)\nvalues [2, 3]"#), "{}", graph.to_dot());
}

#[test]
fn bytes_are_those_of_the_tape() {
    let w = Param::new([[1.0, 2.0], [3.0, 4.0]]);
    let tape = Tape::new();
    let x = tape.var([[1.0, 2.0], [3.0, 4.0]]);
    let y = x.matmul(&w).reshape([4]).leaky_relu(0.1).sum() * x.t().exp().matmul(&w).mean();
    let z = y.powf(1.5).powf(1.5) + 2.0 * y.powf(1.5);
    assert_eq!(z.graph().nodes(), tape.len());
    assert_eq!(z.graph().bytes(), tape.bytes());
    assert_eq!(tape.graph().bytes(), tape.bytes());
    assert!(y.graph().bytes() < tape.bytes());
    let product = x.matmul(x.t()); // reads x: the transpose is not carried out
    assert_eq!((product.graph().nodes(), tape.graph().bytes()), (2, tape.bytes()));
}

#[test]
fn a_chain_of_a_million_has_statistics() {
    let tape = Tape::new();
    let x = tape.scalar(0.5);
    let y = (0..1_000_000).fold(x, |y, _| y.sin());
    let graph = y.graph();
    assert_eq!((graph.nodes(), graph.longest_path()), (1_000_001, 1_000_000));
    assert_eq!(graph.bytes(), tape.bytes());
    assert!(graph.to_string().contains("nodes        1000001"));
    assert_eq!(graph.to_dot().matches("->").count(), 1_000_000);
    assert!(graph.to_svg().contains("1000001 nodes is too large to draw"));
}

#[test]
fn looking_changes_nothing() {
    let tape = Tape::new();
    let x = tape.var([[1.0, 2.0, 3.0]]);
    let t = x.t();
    let before = tape.bytes();
    let graph = t.graph().values(true);
    assert!(graph.to_dot().contains("values [[1], [2], [3]]"), "{}", graph.to_dot());
    assert_eq!((tape.bytes(), graph.bytes()), (before, before));
}

#[test]
fn a_parameter_that_was_updated_says_so() {
    let w = Param::new([1.0]);
    let tape = Tape::new();
    let y = (tape.var([2.0]) * &w).sum();
    let grads = y.backward();
    grads.update(&w, |w, dw| w[0] -= dw[0]);
    let dot = y.graph().values(true).gradients(&grads).name(&w, "w").to_dot();
    assert!(dot.contains(r#"w\nshape (1,)\nvalues updated since\ngradient [2]"#), "{dot}");
}

#[test]
fn gradients_of_watched_arrays_are_shown_and_of_others_not() {
    let tape = Tape::new();
    let x = tape.var([1.0, 2.0]);
    let watched = (x * 3.0).watch();
    let other = watched + 1.0;
    let y = other.square().sum();
    let dot = y.graph().gradients(&y.backward()).name(watched, "h").name(y, "y").to_dot();
    assert!(dot.contains(r#"h = 3 · x₁\nshape (2,)\ngradient [8, 14]"#), "{dot}");
    assert!(dot.contains(r#"v₁ = h + 1\nshape (2,)""#), "{dot}");
    assert!(dot.contains(r#"y = sum(v₂)\ngradient 1"#), "{dot}");
}

#[test]
#[should_panic(expected = "two different tapes")]
fn a_name_for_a_node_of_another_tape_is_refused() {
    let (tape, other) = (Tape::new(), Tape::new());
    let _ = tape.graph().name(other.scalar(1.0), "x");
}

/// Whether each element is closed, in the order of opening, and no bare `&` or `<` stands in text.
fn well_formed(svg: &str) {
    let mut open = vec![];
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        let allowed = ["&amp;", "&lt;", "&gt;"];
        assert!(text.match_indices('&').all(|(at, _)| allowed.iter().any(|e| text[at..].starts_with(e))), "{text}");
        let end = start + rest[start..].find('>').expect("each tag ends");
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().expect("a name"));
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty());
}

#[test]
fn drawings_are_well_formed_and_repeatable() {
    let draw = || {
        let tape = Tape::new();
        let x = tape.var([[0.5, f64::NAN], [2.0, f64::INFINITY]]);
        let y = (x.tanh() * tape.constant(2.0)).sum() * tape.scalar(0.1);
        let graph = y.graph().name(x, "<x> & \"\\y'\u{0}\n").values(true).gradients(&y.backward());
        (graph.to_svg(), graph.to_dot())
    };
    let (svg, dot) = draw();
    well_formed(&svg);
    assert!(svg.contains("&lt;x&gt; &amp;"), "{svg}");
    assert!(dot.contains(r#"label="<x> & \"\\y'"#), "{dot}");
    assert_eq!((svg, dot), draw());

    let tape = Tape::new();
    well_formed(&tape.graph().to_svg());
    let y = (0..100).fold(tape.scalar(0.5), |y, _| y.sin());
    well_formed(&y.graph().to_svg());
    assert!(y.graph().to_svg().contains("Use to_dot()"));
}
