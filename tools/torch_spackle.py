"""Writes what torch and the published library say about the SpaCKLE network, as test data.

    .venv-peers/bin/python tools/torch_spackle.py spackle

Into SPACKLE/testdata:

    torch_spackle.json   outputs, losses and gradients of torch.nn.TransformerEncoder in double precision, on weights and
                         inputs that a rule makes: both sides make them, so the file holds results alone
    spared/              a checkpoint that Lightning wrote while it trained spared's GeneImputationModel (8 genes; the
                         feed-forward part narrowed from 2048 to 16 to keep the file small), the script_params.json that
                         spared puts beside it, and the network's outputs on inputs of the rule

Into SPACKLE/ckpt/testdata:

    settings.ckpt        a Lightning checkpoint with hyper-parameters, and tensors of every kind of number and layout
    settings.json        the tensors of it
    protocol4.ckpt       the same in a later version of the pickle
    malicious.ckpt       a checkpoint that would run a command
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile
import warnings

import numpy as np
import torch
from torch import nn

warnings.filterwarnings("ignore")

TOKENS = 19  # spots of a neighbourhood


# ---- The rule ----------------------------------------------------------------------------------------------------


def uniform(count, salt):
    """count numbers from 0 to below 1: a 32-bit hash of their index and a salt, over 2^32."""
    mask = np.uint64(0xFFFFFFFF)
    h = (np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B1) + np.uint64(salt * 0x85EBCA6B + 1 & 0xFFFFFFFF)) & mask
    h ^= h >> np.uint64(16)
    h = h * np.uint64(0x7FEB352D) & mask
    h ^= h >> np.uint64(15)
    h = h * np.uint64(0x846CA68B) & mask
    h ^= h >> np.uint64(16)
    return h / 2.0**32


def symmetric(shape, salt, bound):
    return (2 * uniform(int(np.prod(shape)), salt) - 1).reshape(shape) * bound


def rule_weights(network):
    """Weights by the order of the parameters: matrices of unit gain, small biases, LayerNorm about 1."""
    for k, (name, p) in enumerate(network.named_parameters()):
        if p.dim() == 2:
            v = symmetric(p.shape, k, (3 / p.shape[1]) ** 0.5)
        elif "norm" in name and name.endswith("weight"):
            v = 1 + symmetric(p.shape, k, 0.2)
        else:
            v = symmetric(p.shape, k, 0.1)
        with torch.no_grad():
            p.copy_(torch.tensor(v.astype(np.float32)))


def rule_inputs(batch, genes):
    """Values [B,19,G], and which of them are hidden."""
    shape = (batch, TOKENS, genes)
    x = symmetric(shape, 1000, 2).astype(np.float32)
    return torch.tensor(x), torch.tensor(uniform(x.size, 1001).reshape(shape) < 0.3)


# ---- The network --------------------------------------------------------------------------------------------------


class Network(nn.Module):
    """Two adapters around torch's encoder; its parameters come in the order and by the names of SpatialGo's files."""

    def __init__(self, genes, width=128, hidden=2048, over_batch=False, dropout=0.0):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 1, hidden, dropout, batch_first=not over_batch)
        self.input = nn.Linear(genes, width)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.output = nn.Linear(width, genes)

    def forward(self, x):
        return self.output(self.encoder(self.input(x)))


def short(v):
    return float(f"{float(v):.9g}")


def flat(t):
    return [short(v) for v in t.detach().double().flatten()]


def case(batch, genes, width, hidden, over_batch, whole):
    network = Network(genes, width, hidden, over_batch)
    rule_weights(network)
    count = sum(p.numel() for p in network.parameters())
    x, hide = rule_inputs(batch, genes)
    seen = torch.where(hide, 0, x)
    single = network.eval()(seen).detach()
    network = network.double()
    x, seen = x.double(), seen.double()
    evaluated = network.eval()(seen).detach()
    output = network.train()(seen)
    loss = nn.functional.mse_loss(output, x)
    loss.backward()
    assert (output - evaluated).abs().max() < 1e-12  # without dropout they are one
    result = dict(attention="batch" if over_batch else "neighborhood", batch=batch, genes=genes, width=width, hidden=hidden,
                  parameters=count, loss=short(loss), float32_off=short((single - evaluated).abs().max()), gradients=[])
    entries = range(output.numel()) if whole else picks(output.numel(), 64)
    result["output"] = summary(output, entries)
    for name, p in network.named_parameters():
        entries = range(p.numel()) if whole else picks(p.numel(), 8)
        result["gradients"].append(dict(name=name, **summary(p.grad, entries)))
    return result


def picks(size, count):
    """Entries spread over a tensor."""
    return sorted({int(u * size) for u in uniform(count, 2000)})


def summary(t, entries):
    v = t.detach().flatten()
    return dict(norm=short(v.norm()), largest=short(v.abs().max()), at=list(entries), value=flat(v[list(entries)]))


# ---- Checkpoints ---------------------------------------------------------------------------------------------------


class Spots(torch.utils.data.Dataset):
    """Neighbourhoods as spared's data set gives them."""

    def __init__(self, genes, count):
        self.x, _ = rule_inputs(count, genes)
        self.measured = torch.tensor(uniform(self.x.numel(), 1002).reshape(self.x.shape) < 0.7)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return dict(split_name="train", exp_matrix_gt=self.x[i], real_missing=self.measured[i])


def spared_checkpoint(folder):
    """A few steps of the published training, and what comes out of the network that it kept."""
    import spared
    from lightning.pytorch import Trainer, seed_everything
    from lightning.pytorch.callbacks import ModelCheckpoint

    sys.path.insert(0, str(pathlib.Path(spared.__file__).parent))  # its modules import each other so
    from spackle.model import GeneImputationModel
    from spackle.utils import get_args_dict

    genes = 8
    seed_everything(42)
    args = get_args_dict()
    hidden = torch.full((genes,), 0.4)
    trained = GeneImputationModel(args, genes, 1e-3, "Adam", hidden, hidden)
    trained.model.encoder_layer = nn.TransformerEncoderLayer(genes, 1, 16)
    trained.model.transformer_encoder = nn.TransformerEncoder(trained.model.encoder_layer, 2)
    loader = torch.utils.data.DataLoader(Spots(genes, 64), batch_size=16)
    made = pathlib.Path(tempfile.gettempdir()) / "spackle_training"  # Lightning writes the path of its file into it
    shutil.rmtree(made, ignore_errors=True)
    try:
        best = ModelCheckpoint(dirpath=made, monitor="val_MSE", save_top_k=1, mode="min")
        trainer = Trainer(max_steps=24, val_check_interval=2, check_val_every_n_epoch=None, devices=1, accelerator="cpu",
                          callbacks=[best], logger=False, enable_progress_bar=False, enable_model_summary=False)
        trainer.fit(trained, loader, loader)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(best.best_model_path, folder / "spared.ckpt")
    finally:
        shutil.rmtree(made, ignore_errors=True)
    content = torch.load(folder / "spared.ckpt", weights_only=True)
    trained.load_state_dict(content["state_dict"])
    (folder / "script_params.json").write_text(json.dumps(args, indent=4) + "\n")
    x, _ = rule_inputs(5, genes)
    network = trained.model.double().eval()
    with torch.no_grad():
        over_batch = network(x.double())
        over_spots = network(x.double().transpose(0, 1)).transpose(0, 1)
    expected = dict(step=content["global_step"], score=short(best.best_model_score), batch=5,
                    output_batch=flat(over_batch[:, 0]), output_neighborhood=flat(over_spots[:, 0]))
    (folder / "outputs.json").write_text(json.dumps(expected) + "\n")


class Malicious:
    """What a pickle may do: this one would say hello from a shell."""

    def __reduce__(self):
        import os

        return os.system, ("echo hello",)


def settings_checkpoint(folder):
    """What else a checkpoint may hold."""
    from lightning.fabric.utilities.data import AttributeDict

    base = torch.arange(24.0).reshape(4, 6)
    tensors = dict(
        whole=base, transposed=base.T, window=base[1:3, 2:5], third=base[::2, ::3], scalar=base[3, 5], none=base[:0],
        half=base[0].half(), bfloat=base[1].bfloat16(), double=base[2].double(), parameter=nn.Parameter(base[3]),
        special=torch.tensor([float("inf"), -0.0, 1e-45]), tiny=torch.tensor([5.9604645e-08, 65504.0, float("-inf")]).half(),
        int64=torch.tensor([1, -2]), bytes=torch.tensor([1, 2], dtype=torch.uint8), flags=torch.tensor([True, False]),
    )
    state = nn.ParameterDict({"x": nn.Parameter(base[0])}).state_dict()  # an OrderedDict with _metadata
    state.update(tensors)
    content = {
        "state_dict": state,
        "hyper_parameters": AttributeDict(lr=1e-3, name="spacklé", layers=[1, 2, 300, 70_000, -5, 2**40, None], on=True, pair=(1, (2,))),
        "namespace": argparse.Namespace(batch_size=256, shape=torch.Size([3, 4]), device=torch.device("cuda:1")),
        "optimizer_states": [{"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"betas": (0.9, 0.999), "params": [0]}]}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(content, folder / "settings.ckpt")
    torch.save(content, folder / "protocol4.ckpt", pickle_protocol=4)
    torch.save({"state_dict": {"weight": Malicious()}}, folder / "malicious.ckpt")
    floats = {n: dict(shape=list(t.shape), value=[repr(v) for v in t.detach().double().flatten().tolist()])
              for n, t in state.items() if t.is_floating_point()}
    (folder / "settings.json").write_text(json.dumps(floats) + "\n")


def main():
    spackle = pathlib.Path(sys.argv[1])
    torch.manual_seed(42)
    cases = [case(5, 7, 8, 16, over_batch, True) for over_batch in (False, True)]
    cases += [case(256, 128, 128, 2048, over_batch, False) for over_batch in (False, True)]
    (spackle / "testdata").mkdir(exist_ok=True)
    with open(spackle / "testdata" / "torch_spackle.json", "w") as f:
        json.dump(dict(torch=torch.__version__, cases=cases), f, separators=(",", ":"))
        f.write("\n")
    spared_checkpoint(spackle / "testdata" / "spared")
    settings_checkpoint(spackle / "ckpt" / "testdata")


if __name__ == "__main__":
    main()
