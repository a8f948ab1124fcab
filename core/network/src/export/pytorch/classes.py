

def probabilities(rows, network=None):
    """The probability of each class of `TARGET["names"]`, `[n, classes]`."""
    network = network or load()
    with torch.no_grad():
        return network(prepare(rows).to(device_of(network))).softmax(1)


def predict(rows, network=None):
    """The most probable class of each row; of each pixel where the network answers with an image.

    Classes are named as in `TARGET["names"]`, which are text: `true` and `false` for truth values however a file writes
    them, and numbers in their shortest form (`1` for `1.0`).
    """

    def named(places):
        return [named(place) if isinstance(place, list) else TARGET["names"][place] for place in places]

    return named(probabilities(rows, network).argmax(1).tolist())
