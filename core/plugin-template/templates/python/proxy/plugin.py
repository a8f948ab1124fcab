"""{{description}}: scores a configuration by its network's weights, without training."""

from heirloom_plugin import proxy


# A larger score promises a better configuration.
@proxy("{{name}}", direction="maximise", cost_seconds=1e-5, unit="weights")
def weights(configuration, scoring):
    """The weights and biases of `layers` equal layers; None where the configuration does not say."""
    layers, width = configuration.get("layers"), configuration.get("width")
    if layers is None or width is None:
        return None
    inputs = scoring.options.get("inputs", 64)
    outputs = scoring.options.get("outputs", 10)
    return (inputs + 1) * width + (layers - 1) * (width + 1) * width + (width + 1) * outputs
