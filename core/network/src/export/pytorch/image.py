

def prepare(images):
    """The network's input, `[n, channels, height, width]`, from images as they were stored: bytes (0 to 255), or numbers.

    `images` is an array or tensor with the sizes of the training images behind `n`; a single channel may be left out.
    """
    images = torch.as_tensor(images).to(torch.float32)
    channels, height, width = INPUT["shape"]
    if images.dim() == 3 and channels == 1:
        images = images.reshape(-1, 1, height, width)
    elif INPUT["channels_last"] and images.dim() == 4:
        images = images.permute(0, 3, 1, 2)
    if images.dim() != 4 or list(images.shape[1:]) != [channels, height, width]:
        raise ValueError(f"images of {[channels, height, width]} are wanted, there are {list(images.shape[1:])}")
    mean = torch.tensor(INPUT["mean"], dtype=torch.float32).reshape(1, -1, 1, 1)
    std = torch.tensor(INPUT["std"], dtype=torch.float32).reshape(1, -1, 1, 1)
    return (images / 255 - mean) / std
