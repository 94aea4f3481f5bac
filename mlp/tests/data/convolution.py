"""Values and gradients of convolution and pooling by PyTorch, for tests/it/convolution.rs.

    python convolution.py > convolution.json
"""

import torch
from torch import nn

import figures


def layer(name, layer, x):
    state = {"w": layer.weight}
    if layer.bias is not None:
        state["b"] = layer.bias
    figures.record(name, layer, {"x": x}, state)


image = torch.randn(2, 4, 4, 5)
layer("conv2d", nn.Conv2d(4, 3, 3), image)
layer("conv2d strided", nn.Conv2d(4, 6, (2, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), image)
layer("conv2d of single pixels", nn.Conv2d(4, 3, 1, bias=False), image)
layer("conv2d of each channel", nn.Conv2d(4, 8, 3, padding=1, groups=4), image)
layer("conv_transpose2d", nn.ConvTranspose2d(4, 3, 3), image)
layer(
    "conv_transpose2d strided",
    nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=1, output_padding=(1, 2), groups=2),
    image,
)
signal = torch.randn(2, 3, 9)
layer("conv1d", nn.Conv1d(3, 4, 3, stride=2, padding=2, dilation=2), signal)
layer("conv_transpose1d", nn.ConvTranspose1d(3, 2, 4, stride=3, padding=1, output_padding=2), signal)

for name, pool in {
    "max_pool2d": nn.MaxPool2d(2),
    "max_pool2d padded": nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 1), dilation=(1, 2)),
    "avg_pool2d": nn.AvgPool2d(2),
    "avg_pool2d padded": nn.AvgPool2d((3, 2), stride=(2, 1), padding=(1, 1)),
    "avg_pool2d without padding": nn.AvgPool2d((3, 2), stride=(2, 1), padding=(1, 1), count_include_pad=False),
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d((3, 4)),
    "adaptive_max_pool2d": nn.AdaptiveMaxPool2d((2, 4)),
    "upsample nearest": nn.Upsample((7, 4), mode="nearest"),
    "upsample bilinear": nn.Upsample((7, 4), mode="bilinear", align_corners=False),
    "upsample bilinear corners": nn.Upsample((7, 4), mode="bilinear", align_corners=True),
}.items():
    figures.record(name, pool, {"x": image[:1, :2]})
for name, pool in {
    "max_pool1d": nn.MaxPool1d(3, stride=2, padding=1),
    "avg_pool1d": nn.AvgPool1d(2, stride=1),
}.items():
    figures.record(name, pool, {"x": signal})

figures.write()
