use autograd::{Param, Tensor};
use mlp::{Activation, Flow, Linear, Sequential};
#[test]
fn debug(){
let linear = Linear { w: Param::new([[2.0, -2.0]]), b: None };
let model = Sequential::new().then(linear).then(Activation::Relu);
let flow = Flow::measure(&model, &Tensor::from([[1.0], [3.0]]), |y| y.sum());
println!("{flow:#?}");
}
