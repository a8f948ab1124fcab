

def read_safetensors(path):
    """The tensors of a safetensors file, by name: a JSON header behind its length, then the numbers."""
    content = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        numbers = torch.empty(0)
        if end > start:
            numbers = torch.frombuffer(bytearray(content[start:end]), dtype=torch.float32)
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def load(weights=None, device="cpu"):
    """The trained network in evaluation mode, its weights from `weights` [weights.safetensors beside this file]."""
    weights = Path(weights) if weights else Path(__file__).with_name("weights.safetensors")
    network = Network()
    wanted = network.state_dict()
    # What only training needs, such as an auxiliary head, may stand in the file too.
    found = {name: tensor for name, tensor in read_safetensors(weights).items() if name in wanted}
    missing = [name for name in wanted if name not in found and not name.endswith(".num_batches_tracked")]
    if missing:
        raise ValueError(f"`{weights}` has no tensor `{missing[0]}`: it holds the weights of another network")
    network.load_state_dict(found, strict=False)
    return network.eval().to(device)


def device_of(network):
    """Where the network's weights are."""
    return next(iter(network.state_dict().values()), torch.empty(0)).device
