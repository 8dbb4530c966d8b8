"""SummaryWriter: the files that TensorBoard shows. Imports summary, embedding and graph."""

import os
import socket
import time
from datetime import datetime
from typing import Any, NoReturn

from ...extras import optional
from . import summary
from .arrays import figure_to_image, make_np
from .embedding import described, write_points, write_sprite, write_table
from .graph import graph

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]

_PURPOSE = "torch.utils.tensorboard"
_events: Any = optional("tensorboard.compat.proto.event_pb2", "tensorboard", _PURPOSE)
EventFileWriter: Any = optional(
    "tensorboard.summary.writer.event_file_writer", "tensorboard", _PURPOSE
).EventFileWriter
RecordWriter: Any = optional(
    "tensorboard.summary.writer.record_writer", "tensorboard", _PURPOSE
).RecordWriter


class FileWriter:
    """Writes records to one file of events in a folder, by a thread of its own. As
    torch.utils.tensorboard.FileWriter.

    max_queue: how many records wait at most; flush_secs: after how long they are written.
    """

    def __init__(
        self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = ""
    ) -> None:
        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Write a record of any kind."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(
        self, summary: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Write a summary."""
        self.add_event(_events.Event(summary=summary), global_step, walltime)

    def add_graph(self, graph_profile: Any, walltime: float | None = None) -> None:
        """Write a graph, and how its nodes ran if given: (GraphDef, RunMetadata or None)."""
        definition, profile = graph_profile
        event = _events.Event(graph_def=definition.SerializeToString())
        self.add_event(event, None, walltime)
        if profile is not None:
            ran = _events.TaggedRunMetadata(tag="step1", run_metadata=profile.SerializeToString())
            self.add_event(_events.Event(tagged_run_metadata=ran), None, walltime)

    def add_onnx_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Write a graph without how it ran."""
        self.add_graph((graph, None), walltime)

    def flush(self) -> None:
        """Write what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Write what waits and close the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Open a new file in the same folder."""
        self.event_writer.reopen()


def _default_bins() -> list[float]:
    """Limits of bins that grow by a tenth, from 1e-12 to 1e20, on both sides of 0."""
    limit, limits = 1e-12, []
    while limit < 1e20:
        limits.append(limit)
        limit *= 1.1
    return [-v for v in reversed(limits)] + [0] + limits


class SummaryWriter:
    """Writes what a training program wants to see in TensorBoard: `writer.add_scalar("loss", loss,
    step)`.

    log_dir: the folder, by default runs/<date>_<host><comment>. purge_step: forget what an earlier
    run wrote from this step on. As torch.utils.tensorboard.SummaryWriter. Example:

        with SummaryWriter() as writer:
            for step in range(100):
                writer.add_scalar("loss", train_step(), step)
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            begun = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{begun}_{socket.gethostname()}{comment}")
        self.log_dir = log_dir
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: Any = None
        self.all_writers: Any = None
        self._get_file_writer()
        self.default_bins = _default_bins()

    def _get_file_writer(self) -> FileWriter:
        """The writer of the folder itself; opened anew after `close`."""
        if self.file_writer is None:
            self.file_writer = self._writer(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step = self.purge_step
                self.file_writer.add_event(_events.Event(step=step, file_version="brain.Event:2"))
                begin = _events.SessionLog(status=_events.SessionLog.START)
                self.file_writer.add_event(_events.Event(step=step, session_log=begin))
                self.purge_step = None
        return self.file_writer

    def _writer(self, folder: Any) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _add(self, record: Any, step: Any, walltime: float | None) -> None:
        self._get_file_writer().add_summary(record, step, walltime)

    def get_logdir(self) -> Any:
        """The folder."""
        return self.log_dir

    # --- numbers

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Write a number: a point of the curve `tag`."""
        made = summary.scalar(tag, scalar_value, new_style, double_precision)
        self._add(made, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Write several numbers to curves in one picture; each has a folder of its own."""
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        for tag, value in tag_scalar_dict.items():
            place = f"{folder}/{main_tag.replace('/', '_')}_{tag}"
            if place not in self.all_writers:
                self.all_writers[place] = self._writer(place)
            made = summary.scalar(main_tag, value)
            self.all_writers[place].add_summary(made, global_step, walltime)

    def add_tensor(
        self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Write a whole tensor."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Write how values are distributed.

        bins: "tensorflow", which grow away from 0; or what `numpy.histogram` takes.
        """
        if isinstance(bins, str) and bins == "tensorflow":
            bins = self.default_bins
        self._add(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: Any,  # noqa: A002 - PyTorch's name
        max: Any,  # noqa: A002 - PyTorch's name
        num: Any,
        sum: Any,  # noqa: A002 - PyTorch's name
        sum_squares: Any,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Write a histogram that the program computed: the upper limits of its bins, and how many
        values are in each.
        """
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        made = summary.histogram_raw(
            tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts
        )
        self._add(made, global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Write precision against recall: labels are 0 or 1, predictions in [0, 1]."""
        made = summary.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._add(made, global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Write precision against recall as the program computed it, for each threshold."""
        made = summary.pr_curve_raw(
            tag,
            true_positive_counts,
            false_positive_counts,
            true_negative_counts,
            false_negative_counts,
            precision,
            recall,
            num_thresholds,
            weights,
        )
        self._add(made, global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict,
        metric_dict: dict,
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Write the hyperparameters of a run and what it reached, to a folder of their own."""
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        records = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(log_dir=folder) as writer:
            for record in records:
                writer.file_writer.add_summary(record, global_step)
            for name, value in metric_dict.items():
                writer.add_scalar(name, value, global_step)

    # --- pictures, sound, text

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Write an image: colours in [0, 1], or bytes; dataformats: "CHW", "HWC" or "HW"."""
        self._add(summary.image(tag, img_tensor, 1, dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Write several images as one, eight in a row."""
        self._add(summary.image(tag, img_tensor, 1, dataformats), global_step, walltime)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Any = None,
    ) -> None:
        """Write an image with boxes (left, top, right, bottom), and a label for each."""
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != make_np(box_tensor).shape[0]:
            labels = None
        made = summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._add(made, global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Write a matplotlib figure, or a list of them, as an image, and close it."""
        layout = "NCHW" if isinstance(figure, list) else "CHW"
        picture = figure_to_image(figure, close)
        self.add_image(tag, picture, global_step, walltime, dataformats=layout)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: Any = None,
        fps: float = 4,
        walltime: float | None = None,
    ) -> None:
        """Write videos (N, T, C, H, W) side by side: colours in [0, 1], or bytes."""
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Write a sound: numbers in [-1, 1]."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Write a text in Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Any = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Write points in space (N, V, 3) with their colours, or the body of their faces."""
        made = summary.mesh(tag, vertices, colors, faces, config_dict)
        self._add(made, global_step, walltime)

    # --- graphs, embeddings, layouts

    def add_graph(
        self,
        model: Any,
        input_to_model: Any = None,
        verbose: bool = False,
        use_strict_trace: bool = True,
    ) -> None:
        """Write the graph of a model's operations, as `model(input_to_model)` records them.

        PyTorch writes the graph of its compiler, with other nodes.
        """
        self._get_file_writer().add_graph((graph(model, input_to_model, verbose), None))

    def add_onnx_graph(self, prototxt: Any) -> NoReturn:
        """Refused: NotImplementedError says what to use instead."""
        raise NotImplementedError(
            "add_onnx_graph: dynagrad reads no ONNX files. Use add_graph(model, input)."
        )

    @staticmethod
    def _encode(rawstr: str) -> str:
        """A tag as the name of a folder."""
        for character in "%/\\":
            rawstr = rawstr.replace(character, f"%{ord(character):02x}")
        return rawstr

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Write points (N, D) for the projector, with a label for each, or several under the names
        of `metadata_header`, and an image (N, C, H, W).
        """
        points = make_np(mat)
        step = str(0 if global_step is None else global_step).zfill(5)
        subdir = f"{step}/{self._encode(tag)}"
        logdir = self._get_file_writer().get_logdir()
        folder = os.path.join(logdir, subdir)
        if os.path.isdir(folder):
            print("warning: Embedding dir exists, did you set global_step for add_embedding()?")
        os.makedirs(folder, exist_ok=True)
        if metadata is not None:
            if points.shape[0] != len(metadata):
                raise AssertionError("#labels should equal with #data points")
            write_table(metadata, folder, metadata_header)
        if label_img is not None:
            if points.shape[0] != label_img.shape[0]:
                raise AssertionError("#images should equal with #data points")
            write_sprite(label_img, folder)
        if points.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        write_points(points, folder)
        if not hasattr(self, "_projector_config"):
            declared = summary.plugin("projector.projector_config_pb2")
            self._projector_config = declared.ProjectorConfig()
        described(self._projector_config, tag, step, subdir, metadata, label_img)
        written = optional("google.protobuf.text_format", "tensorboard", _PURPOSE)
        path = os.path.join(logdir, "projector_config.pbtxt")
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(written.MessageToString(self._projector_config))

    def add_custom_scalars(self, layout: dict) -> None:
        """Write which curves are shown together: {category: {title: ["Multiline", tags]}}, or
        "Margin" with the tags of a curve, its lower and its upper bound.
        """
        self._add(summary.custom_scalars(layout), None, None)

    def add_custom_scalars_multilinechart(
        self, tags: Any, category: str = "default", title: str = "untitled"
    ) -> None:
        """Write that these curves are shown together."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: Any, category: str = "default", title: str = "untitled"
    ) -> None:
        """Write that a curve is shown between two others."""
        if len(tags) != 3:
            raise AssertionError(f"a margin chart takes 3 tags, got {len(tags)}")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    # --- the files

    def flush(self) -> None:
        """Write what waits to the files."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Write what waits and close the files; a later call of `add_...` opens a new one."""
        if self.all_writers is None:
            return
        for writer in self.all_writers.values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> "SummaryWriter":
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.close()
