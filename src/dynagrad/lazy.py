"""Names that `import dynagrad` does not load: each is loaded when it is first used (PEP 562).
Imports nothing.
"""

__all__ = ["LAZY", "SUBMODULES", "UNLISTED"]

#: modules below dynagrad
SUBMODULES = frozenset(
    (
        "accelerator amp autograd backends compiler cpu cuda distributed distributions explain fft "
        "func hub jit linalg masked mps multiprocessing nn onnx optim profiler random "
        "serialization signal sparse special testing types utils version xpu"
    ).split()
)
#: modules that PyTorch keeps to itself and programs set all the same
UNLISTED = frozenset(("_dynamo", "_inductor"))
#: the functions and classes at dynagrad's root, below the module that has them
_BY_MODULE = {
    "alias": "alias_torch",
    "accelerator": "AcceleratorError",
    "compiler": "compile",
    "cuda.memory": "OutOfMemoryError",
    "functions.devices": "get_device_module",
    "autograd.anomaly_mode": (
        "is_anomaly_check_nan_enabled is_anomaly_enabled set_anomaly_enabled"
    ),
    "explain": "explaining why why_alive",
    "functions.copies": (
        "alias_copy as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy "
        "permute_copy select_copy slice_copy split_copy split_with_sizes_copy squeeze_copy "
        "t_copy transpose_copy unbind_copy unfold_copy unsafe_chunk unsafe_split "
        "unsafe_split_with_sizes unsqueeze_copy view_as_complex_copy view_as_real_copy "
        "view_copy"
    ),
    "functions.places": "argwhere nonzero_static unravel_index",
    "functions.questions": "is_distributed is_same_size is_signed is_storage",
    "functions.tensor_methods": "detach detach_ is_inference",
    "functions.geometry": "as_strided_",
    "functions.gathering": "index_put_",
    "functions.conversion": "get_device",
    "functions.neural.distances": "cosine_similarity pairwise_distance",
    "functions.distances": "cdist pdist",
    "functions.neural.linear": "bilinear",
    "functions.older_linalg": (
        "cholesky frobenius_norm lu lu_solve nuclear_norm orgqr pca_lowrank "
        "pinverse qr slogdet svd svd_lowrank vander"
    ),
    "functions.neural.native_norms": "native_batch_norm native_group_norm native_layer_norm",
    "functions.neural.convolution": (
        "conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d "
        "convolution"
    ),
    "functions.neural.normalization": "group_norm layer_norm rms_norm",
    "functions.neural.packing": "_pack_padded_sequence _pad_packed_sequence",
    "functions.neural.recurrent": (
        "gru gru_cell lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell"
    ),
    "functions.neural.sampling_points": (
        "affine_grid_generator grid_sampler grid_sampler_2d grid_sampler_3d"
    ),
    "functions.bessel": "i0 i0_",
    "functions.windows": (
        "bartlett_window blackman_window hamming_window hann_window kaiser_window"
    ),
    "functions.histograms": "histogram histogramdd",
    "functions.spectrogram": "istft stft",
    "functions.statistics": (
        "corrcoef cov cumulative_trapezoid gradient hash_tensor renorm trapezoid trapz"
    ),
    "functions.fractions": "frexp",
    "functions.gamma": "igamma igammac mvlgamma",
    "functions.pathwise": "_dirichlet_grad _sample_dirichlet _standard_gamma _standard_gamma_grad",
    "functions.linalg": "det inverse logdet matrix_power",
    "functions.factorization": "cholesky_inverse cholesky_solve geqrf ormqr",
    "functions.triangular": "triangular_solve",
    "functions.lu": "lu_unpack",
    "functions.spectral": "matrix_exp",
    "functions.neural.adaptive": "adaptive_avg_pool1d",
    "functions.neural.dropout": "native_dropout",
    "functions.neural.padding": "constant_pad_nd",
    "functions.neural.pooling": "avg_pool1d",
    "functions.neural.shuffling": (
        "channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle"
    ),
    "functions.neural.at_root": (
        "adaptive_max_pool1d alpha_dropout alpha_dropout_ batch_norm "
        "binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss dropout dropout_ "
        "embedding embedding_bag embedding_renorm_ feature_alpha_dropout "
        "feature_alpha_dropout_ feature_dropout feature_dropout_ hinge_embedding_loss "
        "instance_norm kl_div margin_ranking_loss max_pool1d max_pool1d_with_indices "
        "max_pool2d max_pool3d poisson_nll_loss triplet_margin_loss"
    ),
    "functions.sparse.construction": (
        "sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor "
        "sparse_csc_tensor sparse_csr_tensor"
    ),
    "functions.sparse.copies": (
        "ccol_indices_copy col_indices_copy crow_indices_copy indices_copy row_indices_copy "
        "values_copy"
    ),
    "functions.sparse.methods": "resize_as_sparse_",
    "functions.sparse.products": "dsmm hsmm hspmm saddmm smm spmm sspaddmm",
    "functions.symbolic": "sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum",
    "functions.control_flow": "cond",
    "functions.files": "from_file",
    "functions.lobpcg": "lobpcg",
    "functions.removed": "eig lstsq matrix_rank solve symeig",
    "amp.autocast_mode": (
        "autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache "
        "get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype "
        "is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled "
        "set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled "
        "set_autocast_dtype set_autocast_enabled"
    ),
    "serialization": "load save",
    "func": "vmap",
}
LAZY = {name: module for module, names in _BY_MODULE.items() for name in names.split()}
