//! The evals of bundle adjustment, hand tracking and long short-term memory.

use serde_json::{Value, json};

use super::{assert_close, differences, gradient, numbers, output, scattered, sequence};

fn rows(values: &[f64], columns: usize) -> Vec<Vec<f64>> {
    values.chunks(columns).map(<[f64]>::to_vec).collect()
}

/// `x` turned about `r` by `‖r‖`: the exponential series of `[r]×`, applied term by term.
fn turned(r: &[f64], x: &[f64]) -> Vec<f64> {
    let mut term = x.to_vec();
    let mut sum = x.to_vec();
    for n in 1..40 {
        let cross = [r[1] * term[2] - r[2] * term[1], r[2] * term[0] - r[0] * term[2], r[0] * term[1] - r[1] * term[0]];
        term = cross.iter().map(|t| t / f64::from(n)).collect();
        sum.iter_mut().zip(&term).for_each(|(sum, t)| *sum += t);
    }
    sum
}

/// The errors of an observation: of a camera, a point and a weight in one list.
fn reprojection(inputs: &[f64], feature: [f64; 2]) -> Vec<f64> {
    let moved: Vec<_> = (0..3).map(|i| inputs[11 + i] - inputs[3 + i]).collect();
    let seen = turned(&inputs[..3], &moved);
    let plane = [seen[0] / seen[2], seen[1] / seen[2]];
    let square = plane[0].powi(2) + plane[1].powi(2);
    let distortion = 1.0 + inputs[9] * square + inputs[10] * square.powi(2);
    (0..2).map(|i| inputs[14] * (plane[i] * distortion * inputs[6] + inputs[7 + i] - feature[i])).collect()
}

#[test]
fn ba() {
    let (n, m, p) = (2, 3, 1500); // more than a block
    for still in [false, true] {
        let mut inputs = sequence(30, 15);
        inputs[13] = 5.0; // in front of the camera
        if still {
            inputs[..3].fill(0.0);
        }
        let (feature, weight) = ([0.3, -0.2], inputs[14]);
        let input =
            json!({"n": n, "m": m, "p": p, "cam": inputs[..11], "x": inputs[11..14], "w": weight, "feat": feature});
        let errors = output("ba", "objective", &input);
        assert_close(&numbers(&errors["reproj_error"]["elements"]), &reprojection(&inputs, feature), 1e-13);
        assert_close(&numbers(&errors["w_err"]["element"]), &[1.0 - weight * weight], 1e-15);
        assert_eq!((&errors["reproj_error"]["repeated"], &errors["w_err"]["repeated"]), (&json!(p), &json!(p)));

        let jacobian = output("ba", "jacobian", &input);
        let columns = differences(|inputs| reprojection(inputs, feature), &inputs);
        let entries: Vec<_> = (0..2).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        assert_close(&numbers(&jacobian["vals"]), &[entries, vec![-2.0 * weight]].concat(), 1e-7);
        // Of the first observation, and of the last weight.
        let row: Vec<_> = (0..11).chain(22..25).chain([31]).collect();
        assert_eq!(jacobian["cols"], json!([row.clone(), row, vec![31 + p - 1]].concat()));
        let starts: Vec<_> = (0..30).map(|row| 15 * row).chain([31 * p]).collect();
        assert_eq!(jacobian["rows"], json!(starts));
    }
}

/// The loss, character by character.
fn loss([layers, bits]: [usize; 2], state: &[f64], text: &[f64], parameters: &[f64]) -> f64 {
    let (main, extra) = parameters.split_at(8 * layers * bits);
    let (mut state, mut total) = (state.to_vec(), 0.0);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let characters: Vec<_> = text.chunks(bits).collect();
    for pair in characters.windows(2) {
        let mut input: Vec<_> = pair[0].iter().zip(extra).map(|(x, w)| x * w).collect();
        for layer in 0..layers {
            let parameter =
                |row: usize, gate: usize, bit: usize| main[(2 * layer + row) * 4 * bits + gate * bits + bit];
            for (bit, x) in input.iter_mut().enumerate() {
                let (hidden, cell) = (2 * layer * bits + bit, (2 * layer + 1) * bits + bit);
                let gate = |gate: usize, x: f64| x * parameter(0, gate, bit) + parameter(1, gate, bit);
                let [forget, ingate] = [sigmoid(gate(0, *x)), sigmoid(gate(1, state[hidden]))];
                let [outgate, change] = [sigmoid(gate(2, *x)), gate(3, state[hidden]).tanh()];
                state[cell] = state[cell] * forget + ingate * change;
                state[hidden] = outgate * state[cell].tanh();
                *x = state[hidden];
            }
        }
        let z: Vec<_> = input.iter().enumerate().map(|(b, x)| x * extra[bits + b] + extra[2 * bits + b]).collect();
        let norm = (2.0 + z.iter().map(|z| z.exp()).sum::<f64>()).ln();
        total += z.iter().zip(pair[1]).map(|(z, y)| y * (z - norm)).sum::<f64>();
    }
    -total / ((characters.len() - 1) * bits) as f64
}

#[test]
fn lstm() {
    let bits = 3;
    // The last text ends before the upper layers begin.
    for (layers, characters) in [(2, 5), (1, 4), (3, 6), (4, 3)] {
        let (state, main) = (sequence(0, 2 * layers * bits), sequence(40, 8 * layers * bits));
        let (extra, text) = (sequence(90, 3 * bits), (0..characters * bits).map(|at| f64::from(scattered(at) > 0.0)));
        let text: Vec<_> = text.collect();
        let input = json!({"main_params": rows(&main, 4 * bits), "extra_params": rows(&extra, bits),
            "state": rows(&state, bits), "sequence": rows(&text, bits)});
        let parameters = [main, extra].concat();
        let formula = |parameters: &[f64]| loss([layers, bits], &state, &text, parameters);
        assert_close(&numbers(&output("lstm", "objective", &input)), &[formula(&parameters)], 1e-14);
        let expected = gradient(formula, &parameters);
        // The slopes are small: of the size of the largest, not of 1.
        let largest = expected.iter().fold(0.0, |most: f64, dx| most.max(dx.abs()));
        let scaled = |dx: &[f64]| dx.iter().map(|dx| dx / largest).collect::<Vec<_>>();
        assert_close(&scaled(&numbers(&output("lstm", "jacobian", &input))), &scaled(&expected), 1e-7);
    }
}

type Map = [[f64; 4]; 4];

fn product(a: &Map, b: &Map) -> Map {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..4).map(|k| a[i][k] * b[k][j]).sum()))
}

/// The rotation by `angle` in the plane of two axes.
fn plane(from: usize, to: usize, angle: f64) -> Map {
    let mut map: Map = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    (map[from][from], map[to][to]) = (angle.cos(), angle.cos());
    (map[to][from], map[from][to]) = (angle.sin(), -angle.sin());
    map
}

const BONES: usize = 22;
const VERTICES: usize = 6;

/// A hand of scattered numbers, in the suite's words.
fn hand(mirrored: bool) -> Value {
    let maps = |start: usize| (0..BONES).map(|b| rows(&sequence(start + 16 * b, 16), 4)).collect::<Vec<_>>();
    let parents: Vec<_> = (0..BONES as i64).map(|bone| if bone % 4 == 2 { 0 } else { bone - 1 }).collect();
    json!({
        "bone_count": BONES, "bone_names": vec!["bone"; BONES], "parents": parents, "is_mirrored": mirrored,
        "base_relatives": maps(1000), "inverse_base_absolutes": maps(2000),
        "base_positions": rows(&sequence(3000, 4 * VERTICES), 4), "weights": rows(&sequence(4000, BONES * VERTICES), BONES),
        "triangles": [[0, 1, 2], [5, 3, 4], [2, 0, 4]],
    })
}

/// The vertices, bone by bone.
fn vertices(model: &Value, pose: &[f64]) -> Vec<Vec<f64>> {
    let map = |name: &str, bone: usize| -> Map {
        let numbers = numbers(&model[name][bone]);
        std::array::from_fn(|i| std::array::from_fn(|j| numbers[4 * i + j]))
    };
    let mut angles = vec![[0.0; 2]; BONES];
    for (finger, pose) in pose[6..].chunks(4).enumerate() {
        let first = 2 + 4 * finger;
        (angles[first], angles[first + 1][0], angles[first + 2][0]) = ([pose[0], pose[1]], pose[2], pose[3]);
    }
    let mut absolute: Vec<Map> = vec![];
    for (bone, [x, z]) in angles.iter().enumerate() {
        let relative = product(&map("base_relatives", bone), &product(&plane(0, 1, *z), &plane(1, 2, *x)));
        let parent = usize::try_from(model["parents"][bone].as_i64().unwrap());
        absolute.push(parent.map_or(relative, |parent| product(&absolute[parent], &relative)));
    }
    let vertex = |at: usize| {
        let (rest, weights) = (numbers(&model["base_positions"][at]), numbers(&model["weights"][at]));
        let mut sum = vec![0.0; 3];
        for bone in 0..BONES {
            let map = product(&absolute[bone], &map("inverse_base_absolutes", bone));
            for (sum, row) in sum.iter_mut().zip(map) {
                *sum += weights[bone] * row.iter().zip(&rest).map(|(a, x)| a * x).sum::<f64>();
            }
        }
        if model["is_mirrored"] == true {
            sum[0] = -sum[0];
        }
        turned(&pose[..3], &sum).iter().zip(&pose[3..6]).map(|(x, t)| x + t).collect()
    };
    (0..VERTICES).map(vertex).collect()
}

#[test]
fn ht() {
    for (mirrored, on_triangles) in [(false, false), (true, true)] {
        let (model, pose) = (hand(mirrored), sequence(0, 26));
        let (correspondences, points) = ([2, 0, 1, 2], sequence(100, 12));
        let us = if on_triangles { sequence(200, 8) } else { vec![] };
        let triangles = model["triangles"].clone();
        // Of the pose, and of what is added to the coordinates of all points.
        let formula = |pose: &[f64], shift: [f64; 2]| -> Vec<f64> {
            let vertices = vertices(&model, pose);
            let error = |row: usize| {
                let (at, i) = (row / 3, row % 3);
                let place = correspondences[at];
                let corner = |corner: usize| vertices[triangles[place][corner].as_u64().unwrap() as usize][i];
                let seen = if on_triangles {
                    let (u, v) = (us[2 * at] + shift[0], us[2 * at + 1] + shift[1]);
                    u * corner(0) + v * corner(1) + (1.0 - u - v) * corner(2)
                } else {
                    vertices[place][i]
                };
                points[row] - seen
            };
            (0..points.len()).map(error).collect()
        };
        let input = json!({"theta": pose, "us": rows(&us, 2),
            "data": {"model": model, "correspondences": correspondences, "points": rows(&points, 3)}});
        assert_close(&numbers(&output("ht", "objective", &input)), &formula(&pose, [0.0; 2]), 1e-12);
        let mut columns = differences(|pose| formula(pose, [0.0; 2]), &pose);
        if on_triangles {
            columns.splice(0..0, differences(|shift| formula(&pose, [shift[0], shift[1]]), &[0.0; 2]));
        }
        let expected: Vec<_> = (0..12).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        let jacobian = output("ht", "jacobian", &input);
        assert_close(&numbers(&jacobian), &expected, 1e-6);
        assert_eq!((jacobian.as_array().unwrap().len(), jacobian[0].as_array().unwrap().len()), (12, columns.len()));
    }
}

/// A hand that does not turn: the rotation has no axis there, and the suite calls its derivative 0.
#[test]
fn ht_without_a_turn() {
    let (model, mut pose) = (hand(false), sequence(0, 26));
    pose[..3].fill(0.0);
    let input =
        json!({"theta": pose, "us": [], "data": {"model": model, "correspondences": [1], "points": [[0.0, 0.0, 0.0]]}});
    let expected: Vec<_> = vertices(&model, &pose)[1].iter().map(|x| -x).collect();
    assert_close(&numbers(&output("ht", "objective", &input)), &expected, 1e-12);
    for row in output("ht", "jacobian", &input).as_array().unwrap() {
        assert_eq!(numbers(row)[..3], [0.0; 3]);
    }
}
