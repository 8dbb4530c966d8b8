"""PyTorch's names for what nodes keep (`grad_fn._saved_self`), for the nodes that keep it here too.
Imports nothing.

A line says what the nodes after the colon show: `name=source`, or `name` where both are the same. A
source is the parameter of a rule, a result (`out`, `out1`, ...) or a keyword of the call. A node is
named without `Backward` and the number 0: `Pow1` is PowBackward1. Sizes (`self_sym_sizes`) are
those of an input of which only the shape is kept.
"""

LINES = """
self=x : Abs Acos Acosh Angle Asin Asinh Atan Atanh Copysign Copysign1 Cos Cosh Digamma Erf Erfc
  Gelu Hardsigmoid Hardswish Lgamma Log Log10 Log1P Log2 LogSigmoid Mish NanToNum Prod Sgn Silu
  Sin Sinc Sinh
self_sym_sizes=x : Expand Mean ReshapeAlias Select Slice Squeeze Squeeze1 Squeeze2 Squeeze3
  Squeeze4 Squeeze5 Sum Trace Unfold UnsafeView View
other=y self=x : Atan2 Div Fmax Fmin Fmod1 Logaddexp Logaddexp2 Maximum Minimum Mul Remainder1
  Vdot Xlogy Xlogy1 Xlogy2
result=out : Exp Exp2 Expm1 LinalgSolveEx Reciprocal Relu Rsqrt Sigmoid Sqrt Tan Tanh
dim=axis : Cat Cumsum Split SplitWithSizes Stack Unbind Unsqueeze Unsqueeze1
dim=axis keepdim=keepdims self_sym_sizes=x indices=out1 : Kthvalue Max Median1 Min Mode Nanmedian1
index=i : IndexAdd IndexCopy IndexFill IndexFill1 IndexSelect Take
self=x result=out : LinalgPinv Max1 Median Min1 Nanmedian
alpha : Add Celu1 Rsub Sub
dim=axis index=i : Gather Scatter Scatter1 ScatterAdd
dim=axes keepdim=keepdims self=x result=out : Amax Amin Logsumexp
dim=axis self_sym_sizes=x indices=out1 : Sort Sort1 Topk
alpha batch1=x batch2=y beta : Addbmm Baddbmm
correction dim=axes keepdim=keepdims self=x : Var VarMean
diagonal=k : Tril Triu
dim=axes keepdim=keepdims self_sym_sizes=x : Mean1 Sum1
dim=axis include_self index=i self=x result=out : IndexReduce ScatterReduce
dim=axis indices=out1 : Cummax Cummin
dim=axis result=out : LogSoftmax Softmax
dim=axis self=x result=out : Cumprod Logcumsumexp
dims=axes : Flip Permute
ignore_index=ignore target weight : NllLoss NllLoss2D
lambd self=x : Hardshrink Softshrink
mat2=y self=x : Bmm Mm
max=high min=low self=x : Clamp Clamp1
max=high self=x : ClampMax ClampMax1
min=low self=x : ClampMin ClampMin1
other=number : Div1 Mul1
self=x target=y : MseLoss SoftMarginLoss
self=x threshold : Threshold Threshold1
size storage_offset=offset stride : AsStrided AsStrided1
tensor1=y tensor2=z value : Addcdiv Addcmul
A=x : LinalgDet
L=out : LinalgCholeskyEx
Q=out R=out1 : LinalgQr
S=out1 U=out Vh=out2 : LinalgSvd
accumulate index=i : Put
accumulate indices=i : IndexPut
alpha beta mat1=x mat2=y : Addmm
alpha beta mat=x vec=y : Addmv
alpha beta vec1=x vec2=y : Addr
alpha input_scale scale : Elu1
alpha input_scale scale self=x : Elu
alpha self=x : Celu
alpha=number : Rsub1
beta self=x threshold : Softplus
beta=delta self=x target=y : SmoothL1Loss
condition : Where
correction dim=axes keepdim=keepdims self=x result0=out : StdMean
correction dim=axes keepdim=keepdims self=x result=out : Std
delta self=x target=y : HuberLoss
dim1=axis1 dim2=axis2 offset : DiagEmbed
dim1=axis1 dim2=axis2 offset self_sym_sizes=x : Diagonal
dim=axes keepdim=keepdims ord=p self=x result=out : LinalgVectorNorm
dim=axes keepdim=keepdims p self=x result=out : Norm1
dim=axes keepdim=keepdims self=x : Nansum
dim=axes keepdim=keepdims self=x max=out1 min=out : Aminmax
dim=axis keepdim=keepdims self=x : Prod1
dim=axis other=y self=x : LinalgCross
dim=axis self=x : Glu
dimension=axis self_sym_sizes=x size step : Unfold
dims=axes k : Rot90
dims=axes shifts : Roll
eigenvalues=out eigenvectors=out1 : LinalgEigh
end=y self=x weight : Lerp1
eps input=x running_mean=mean running_var=var weight : NativeBatchNorm
eps input=x weight : NativeGroupNorm
eps self=x : Logit
exponent self=x : Pow
exponent=x result=out : Pow2
exponent=y self=x result=out : Pow1
indices=i self_sym_sizes=x : Index
indices=index padding_idx=padding : Embedding
input=x weight : NativeLayerNorm
inverse=out : LinalgInvEx
margin p self=x target weight : MultiMarginLoss
max_val=high min_val=low self=x : Hardtanh
n self=x : Polygamma
negative_slope=slope : LeakyRelu1
negative_slope=slope self=x : LeakyRelu
noise=y : RreluWithNoise1
noise=y self=x : RreluWithNoise
other=y p self=x result=out : Dist
other=y result=out : Ldexp
other=y self=x result=out : Hypot
pos_weight self=x target=y weight : BinaryCrossEntropyWithLogits
repeats self_sym_sizes=x : Repeat
self=x target : MultilabelMarginLoss
self=x target=y weight : BinaryCrossEntropy
self=x tensor=y : Dot
self=x upper result=out : LinalgSolveTriangular
self=x vec=y : Mv
self=x weight=y : PreluKernel
weight : Lerp
"""
#: what a node's keyword means where the call did not say it
DEFAULTS = {"alpha": 1, "beta": 1, "exponent": 2}


def named() -> dict[str, dict[str, str]]:
    """For each node class: PyTorch's names, each with its source."""
    table: dict[str, dict[str, str]] = {}
    for line in LINES.replace("\n  ", " ").strip().split("\n"):
        names, classes = line.split(" : ")
        pairs = [pair.partition("=") for pair in names.split()]
        sources = {name: source or name for name, _, source in pairs}
        for short in classes.split():
            number = short[-1] if short[-1].isdigit() and short not in _NUMBERED else ""
            base = short.removesuffix(number) if number else short
            table[f"{base}Backward{number or 0}"] = sources
    return table


_NUMBERED = {"Log2", "Log10", "Exp2", "Atan2", "Logaddexp2"}
