"""Values as TensorBoard's records. Imports arrays."""

import io
import json
import wave
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...extras import optional
from .arrays import as_bytes, as_hwc, encoded_gif, encoded_png, make_np, side_by_side

_PURPOSE = "torch.utils.tensorboard"
_protos = optional("tensorboard.compat.proto.summary_pb2", "tensorboard", _PURPOSE)
_tensors = optional("tensorboard.compat.proto.tensor_pb2", "tensorboard", _PURPOSE)
_shapes = optional("tensorboard.compat.proto.tensor_shape_pb2", "tensorboard", _PURPOSE)

Summary: Any = _protos.Summary
TensorProto: Any = _tensors.TensorProto
_Metadata: Any = _protos.SummaryMetadata


def plugin(name: str) -> Any:
    """The module of a plugin of TensorBoard's, where its records are declared."""
    return optional(f"tensorboard.plugins.{name}", "tensorboard", _PURPOSE)


def _one(**fields: Any) -> Any:
    """A summary of one value."""
    return Summary(value=[Summary.Value(**fields)])


def _metadata(name: str, content: bytes = b"") -> Any:
    return _Metadata(plugin_data=_Metadata.PluginData(plugin_name=name, content=content))


def _shape(*sizes: int) -> Any:
    dims = [_shapes.TensorShapeProto.Dim(size=n) for n in sizes]
    return _shapes.TensorShapeProto(dim=dims)


def _strings(texts: list[bytes], *sizes: int) -> Any:
    return TensorProto(dtype="DT_STRING", string_val=texts, tensor_shape=_shape(*sizes))


# --- numbers -------------------------------------------------------------------------------------


def scalar(name: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Any:
    """One number."""
    array = make_np(value).squeeze()
    if array.ndim != 0:
        raise AssertionError(
            "Tensor should contain one element (0 dimensions).             "
            f"Was given size: {array.size} and {array.ndim} dimensions.\n"
            "Reduce it first, as in value.mean()."
        )
    number = float(array)
    if not new_style:
        return _one(tag=name, simple_value=number)
    if double_precision:
        tensor = TensorProto(double_val=[number], dtype="DT_DOUBLE")
    else:
        tensor = TensorProto(float_val=[number], dtype="DT_FLOAT")
    return _one(tag=name, tensor=tensor, metadata=_metadata("scalars"))


#: for each dtype: TensorBoard's, and the field of its numbers
_FIELDS = {
    "float16": ("DT_HALF", "half_val"),
    "bfloat16": ("DT_BFLOAT16", "half_val"),
    "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"),
    "int8": ("DT_INT8", "int_val"),
    "uint8": ("DT_UINT8", "uint32_val"),
    "int16": ("DT_INT16", "int_val"),
    "int32": ("DT_INT32", "int_val"),
    "int64": ("DT_INT64", "int64_val"),
    "complex64": ("DT_COMPLEX64", "scomplex_val"),
    "complex128": ("DT_COMPLEX128", "dcomplex_val"),
    "bool": ("DT_BOOL", "bool_val"),
}


def tensor_proto(tag: str, tensor: Tensor) -> Any:
    """A whole tensor."""
    array: Any = tensor.detach()._a
    if array.dtype.name not in _FIELDS:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    kind, field = _FIELDS[array.dtype.name]
    flat: Any = np.ascontiguousarray(array).reshape(-1)
    if field == "half_val":
        flat = flat.view(np.uint16)
    elif flat.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    made = TensorProto(dtype=kind, tensor_shape=_shape(*array.shape), **{field: flat.tolist()})
    return _one(tag=tag, tensor=made, metadata=_metadata("tensor"))


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """How many values lie in each bin."""
    return _one(tag=name, histo=make_histogram(make_np(values).astype(float), bins, max_bins))


def make_histogram(values: np.ndarray, bins: Any, max_bins: int | None = None) -> Any:
    """The record of a histogram: the bins from the one before the first that is not empty to the
    last; ValueError for no values.
    """
    if values.size == 0:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        joined = len(counts) // max_bins
        missing = -len(counts) % joined
        counts = np.pad(counts, (0, missing)).reshape(-1, joined).sum(axis=-1)
        limits = np.append(limits[:-1:joined], limits[-1])
    used = np.flatnonzero(counts)
    if used.size == 0:
        raise ValueError("The histogram is empty, please file a bug report.")
    first, last = used[0], used[-1]
    counts = np.concatenate([[0], counts])[first : last + 2]
    limits = limits[first : last + 2]
    return _protos.HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values.dot(values),
        bucket_limit=limits.tolist(),
        bucket=counts.tolist(),
    )


def histogram_raw(
    name: str,
    min: float,  # noqa: A002 - PyTorch's name
    max: float,  # noqa: A002 - PyTorch's name
    num: int,
    sum: float,  # noqa: A002 - PyTorch's name
    sum_squares: float,
    bucket_limits: Any,
    bucket_counts: Any,
) -> Any:
    """A histogram that the program computed itself."""
    made = _protos.HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return _one(tag=name, histo=made)


def pr_curve(
    tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None
) -> Any:
    """Precision and recall for each threshold of the predictions, which lie in [0, 1]."""
    num_thresholds = min(num_thresholds, 127)  # more are not shown
    labels, predictions = make_np(labels).astype(float), make_np(predictions)
    weights = 1.0 if weights is None else weights
    places = np.int32(np.floor(predictions * (num_thresholds - 1)))

    def at_least(weight: Any) -> np.ndarray:
        """The weight of what was predicted with at least each threshold."""
        span = (0, num_thresholds - 1)
        per_bin, _ = np.histogram(places, bins=num_thresholds, range=span, weights=weight)
        return np.cumsum(per_bin[::-1])[::-1]

    tp, fp = at_least(labels * weights), at_least((1.0 - labels) * weights)
    tn, fn = fp[0] - fp, tp[0] - tp
    precision = tp / np.maximum(1e-7, tp + fp)
    recall = tp / np.maximum(1e-7, tp + fn)
    return pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds)


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: Any = None,
) -> Any:
    """A curve of precision and recall that the program computed itself."""
    num_thresholds = min(num_thresholds, 127)
    data = np.stack([make_np(v) for v in (tp, fp, tn, fn, precision, recall)])
    declared = plugin("pr_curve.plugin_data_pb2")
    content = declared.PrCurvePluginData(version=0, num_thresholds=num_thresholds)
    tensor = TensorProto(
        dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=_shape(*data.shape)
    )
    metadata = _metadata("pr_curves", content.SerializeToString())
    return _one(tag=tag, metadata=metadata, tensor=tensor)


# --- texts and layouts ---------------------------------------------------------------------------


def text(tag: str, written: str) -> Any:
    """A text in Markdown."""
    content = plugin("text.plugin_data_pb2").TextPluginData(version=0).SerializeToString()
    tensor = _strings([written.encode("utf_8")], 1)
    return _one(tag=f"{tag}/text_summary", metadata=_metadata("text", content), tensor=tensor)


def custom_scalars(layout: dict) -> Any:
    """Which curves are shown together: {category: {title: ["Multiline" or "Margin", tags]}}."""
    pb = plugin("custom_scalar.layout_pb2")
    categories = []
    for name, charts in layout.items():
        made = []
        for title, (kind, tags, *_) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"a margin chart takes 3 tags, got {len(tags)}")
                series = pb.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
                made.append(pb.Chart(title=title, margin=pb.MarginChartContent(series=[series])))
            else:
                lines = pb.MultilineChartContent(tag=list(tags))
                made.append(pb.Chart(title=title, multiline=lines))
        categories.append(pb.Category(title=name, chart=made))
    tensor = _strings([pb.Layout(category=categories).SerializeToString()])
    metadata = _metadata("custom_scalars")
    return _one(tag="custom_scalars__config__", tensor=tensor, metadata=metadata)


def hparams(
    hparam_dict: dict, metric_dict: dict, hparam_domain_discrete: Any = None
) -> tuple[Any, Any, Any]:
    """The three records of one run in a search of hyperparameters: what there is to choose, what
    this run chose, that it ended.
    """
    pb, start = plugin("hparams.api_pb2"), plugin("hparams.plugin_data_pb2").SessionStartInfo()
    domains = _domains(hparam_dict, hparam_domain_discrete or {})
    infos = []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        kind = _set_hparam(start.hparams[name], value)
        domain = None
        if name in domains:
            domain = optional("google.protobuf.struct_pb2", "tensorboard", _PURPOSE).ListValue()
            domain.extend(domains[name])
        infos.append(pb.HParamInfo(name=name, type=pb.DataType.Value(kind), domain_discrete=domain))
    metrics = [pb.MetricInfo(name=pb.MetricName(tag=name)) for name in metric_dict]
    experiment = pb.Experiment(hparam_infos=infos, metric_infos=metrics)
    tags, declared = plugin("hparams.metadata"), plugin("hparams.plugin_data_pb2")
    end = declared.SessionEndInfo(status=pb.Status.Value("STATUS_SUCCESS"))

    def record(tag: str, **fields: Any) -> Any:
        data = declared.HParamsPluginData(version=tags.PLUGIN_DATA_VERSION, **fields)
        return _one(tag=tag, metadata=_metadata(tags.PLUGIN_NAME, data.SerializeToString()))

    return (
        record(tags.EXPERIMENT_TAG, experiment=experiment),
        record(tags.SESSION_START_INFO_TAG, session_start_info=start),
        record(tags.SESSION_END_INFO_TAG, session_end_info=end),
    )


def _domains(chosen: dict, domains: Any) -> dict:
    """The values that each hyperparameter may have, checked."""
    if not isinstance(domains, dict):
        raise TypeError("parameter: hparam_domain_discrete should be a dictionary, nothing logged.")
    for name, values in domains.items():
        fits = name in chosen and isinstance(values, list)
        if not fits or not all(isinstance(v, type(chosen[name])) for v in values):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as "
                f"hparam_dict[{name}]."
            )
    return domains


def _set_hparam(field: Any, value: Any) -> str:
    """Write the value of a hyperparameter, and return the name of its type."""
    if isinstance(value, str):
        field.string_value = value
        return "DATA_TYPE_STRING"
    if isinstance(value, bool):
        field.bool_value = value
        return "DATA_TYPE_BOOL"
    if isinstance(value, Tensor):
        value = make_np(value).reshape(-1)[0]
    elif not isinstance(value, int | float):
        raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
    field.number_value = value
    return "DATA_TYPE_FLOAT64"


# --- pictures, sound, shapes ---------------------------------------------------------------------


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Any:
    """An image, or several as a grid; numbers are colours in [0, 1], or bytes."""
    pixels = as_bytes(as_hwc(make_np(tensor), dataformats))
    return _picture(tag, pixels, rescale)


def _picture(tag: str, pixels: np.ndarray, rescale: float, *drawn: Any) -> Any:
    file = encoded_png(pixels, rescale, *drawn)
    high, wide, channels = pixels.shape  # before it was rescaled, as PyTorch's
    made = Summary.Image(height=high, width=wide, colorspace=channels, encoded_image_string=file)
    return _one(tag=tag, image=made)


def image_boxes(
    tag: str,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: float = 1,
    dataformats: str = "CHW",
    labels: Any = None,
) -> Any:
    """An image with boxes (left, top, right, bottom) drawn in it."""
    pixels = as_bytes(as_hwc(make_np(tensor_image), dataformats))
    return _picture(tag, pixels, rescale, make_np(tensor_boxes), labels)


def video(tag: str, tensor: Any, fps: float = 4) -> Any:
    """Videos (N, T, C, H, W), side by side as one animation."""
    frames = as_bytes(side_by_side(make_np(tensor)))
    _, high, wide, channels = frames.shape
    made = Summary.Image(
        height=high,
        width=wide,
        colorspace=channels,
        encoded_image_string=encoded_gif(frames, fps),
    )
    return _one(tag=tag, image=made)


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Any:
    """A sound of one channel, numbers in [-1, 1]."""
    samples = make_np(tensor).squeeze()
    if abs(samples).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
        samples = samples.clip(-1, 1)
    if samples.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    samples = (samples * np.iinfo(np.int16).max).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(samples.tobytes())
    made = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=samples.shape[-1],
        encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )
    return _one(tag=tag, audio=made)


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config_dict: Any) -> Any:
    """A body in space: vertices (N, V, 3), and as many colours; faces (N, F, 3) of vertices."""
    metadata, kinds = plugin("mesh.metadata"), plugin("mesh.plugin_data_pb2").MeshPluginData
    given = [(vertices, kinds.VERTEX), (faces, kinds.FACE), (colors, kinds.COLOR)]
    parts = [(make_np(values), kind) for values, kind in given if values is not None]
    components = metadata.get_components_bitmask([kind for _, kind in parts])
    config = json.dumps(config_dict or {}, sort_keys=True)
    found = []
    for array, kind in parts:
        described = metadata.create_summary_metadata(
            tag, None, kind, components, array.shape, None, json_config=config
        )
        tensor = TensorProto(
            dtype="DT_FLOAT",
            float_val=array.reshape(-1).tolist(),
            tensor_shape=_shape(*array.shape),
        )
        name = metadata.get_instance_name(tag, kind)
        found.append(Summary.Value(tag=name, tensor=tensor, metadata=described))
    return Summary(value=found)
