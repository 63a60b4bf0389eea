"""IP-Adapters and their relatives: a picture, or a face in it, as part of the prompt.

The base is told by the width of the text beside which the picture is read. FaceID Plus and Plus v2 have the same
tensors, and so have Plus and Plus Face: only their names differ.

Flux Redux is here because it does the same job (SigLIP's view of a picture becomes tokens of the prompt); ComfyUI keeps
it in `style_models`, a folder for which there is no kind of its own.
"""

from hubman.core.identify.declare import Family, Signature, Variant
from hubman.core.types import Confidence, Kind
from hubman.errors import N_

KEYS = "ip_adapter.1.to_k_ip.weight|adapter_modules.1.to_k_ip.weight"
FIRST = "ip_adapter.0.to_k_ip.weight|adapter_modules.0.to_k_ip.weight"

FAMILY = Family(
    title="IP-Adapter",
    sources=(
        "cubiq/ComfyUI_IPAdapter_plus IPAdapterPlus.py",
        "huggingface/diffusers loaders/unet.py, transformer_flux.py, transformer_sd3.py",
        "invoke-ai/InvokeAI backend/ip_adapter, backend/flux/ip_adapter",
        "ToTheBeginning/PuLID pulid/pipeline*.py; InstantX/InstantID; TencentARC/PhotoMaker",
        "Comfy-Org/ComfyUI comfy/sd.py load_style_model, comfy_extras/nodes_model_patch.py",
    ),
    signatures=(
        Signature((), has=(KEYS,), lacks=(FIRST,), kind=Kind.IP_ADAPTER, sure=Confidence.LIKELY),
        Signature(
            ("sd1",),
            has=(KEYS,),
            lacks=(FIRST,),
            shapes={KEYS: (None, 768)},
            kind=Kind.IP_ADAPTER,
            because=N_("it has {key}, as an IP-Adapter has, of width 768, as the text of SD 1"),
        ),
        Signature(
            ("sd2",),
            has=(KEYS,),
            lacks=(FIRST,),
            shapes={KEYS: (None, 1024)},
            kind=Kind.IP_ADAPTER,
            because=N_("it has {key}, as an IP-Adapter has, of width 1024, as the text of SD 2"),
        ),
        Signature(
            ("sdxl",),
            has=(KEYS,),
            lacks=(FIRST,),
            shapes={KEYS: (None, 2048)},
            kind=Kind.IP_ADAPTER,
            because=N_("it has {key}, as an IP-Adapter has, of width 2048, as the text of SDXL"),
        ),
        Signature(
            ("kolors",),
            has=(KEYS,),
            lacks=(FIRST,),
            shapes={KEYS: (None, 2048), "image_proj.layers.0.0.to_out.weight": (2048, None)},
            kind=Kind.IP_ADAPTER,
            because=N_("it has {key}, as an IP-Adapter has, and looks at pictures in width 2048, as Kolors does"),
        ),
        Signature(
            ("kolors",),
            has=(KEYS,),
            lacks=(FIRST,),
            shapes={KEYS: (None, 2048), "image_proj.perceiver_resampler.layers.0.0.to_out.weight": (4096, None)},
            kind=Kind.IP_ADAPTER,
            because=N_("it has {key}, as an IP-Adapter has, and looks at faces in width 4096, as Kolors does"),
        ),
        Signature((), has=("ip_adapter.0.to_k_ip.weight",), kind=Kind.IP_ADAPTER, sure=Confidence.LIKELY),
        Signature(
            ("sd3",),
            has=("ip_adapter.0.to_k_ip.weight", "ip_adapter.0.norm_ip.linear.weight"),
            kind=Kind.IP_ADAPTER,
            sure=Confidence.LIKELY,
        ),
        Signature(
            ("sd3.5-large",),
            has=("ip_adapter.0.to_k_ip.weight", "ip_adapter.0.norm_ip.linear.weight"),
            shapes={"ip_adapter.0.to_k_ip.weight": (2432, None)},
            kind=Kind.IP_ADAPTER,
            because=N_("it has {key}, as an IP-Adapter has, of width 2432, as Stable Diffusion 3.5 large"),
        ),
        Signature(
            ("flux1",),
            has=("ip_adapter.0.to_k_ip.weight",),
            lacks=("ip_adapter.0.norm_ip.linear.weight",),
            shapes={"ip_adapter.0.to_k_ip.weight": (3072, 4096)},
            kind=Kind.IP_ADAPTER,
            variant="instantx",
            because=N_("it has {key}, as an IP-Adapter has, from width 4096 to 3072, as Flux.1"),
        ),
        Signature(
            ("flux1",),
            has=(
                "ip_adapter_proj_model.proj.weight",
                "double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight",
            ),
            kind=Kind.IP_ADAPTER,
            variant="xlabs",
            because=N_("it has {key} and blocks of Flux.1, as the IP-Adapter of XLabs has"),
        ),
        Signature(
            ("flux1",),
            has=("image_proj.latents", "image_proj.proj_out.weight"),
            lacks=(KEYS, FIRST),
            shapes={"image_proj.proj_out.weight": (4096, None)},
            kind=Kind.IP_ADAPTER,
            variant="infiniteyou",
            sure=Confidence.LIKELY,
            because=N_("it makes tokens of width 4096 of a face, as InfiniteYou for Flux.1 does"),
        ),
        Signature(
            ("flux1",),
            has=("redux_up.weight", "redux_down.weight"),
            shapes={"redux_down.weight": (4096, None)},
            kind=Kind.IP_ADAPTER,
            variant="redux",
            title="Flux Redux",
        ),
        Signature(
            ("flux1",),
            has=("mid_layer_norm.bias", "mid_embedding_linear.0.weight", "high_projection.weight"),
            kind=Kind.IP_ADAPTER,
            variant="uso",
            sure=Confidence.LIKELY,
            title="USO",
            prefixes=("feature_embedder.",),
        ),
        Signature(
            ("sdxl",),
            has=("id_adapter_attn_layers.1.id_to_k.weight",),
            shapes={"id_adapter_attn_layers.1.id_to_k.weight": (None, 2048)},
            kind=Kind.IP_ADAPTER,
            variant="pulid",
            title="PuLID",
        ),
        Signature(
            ("flux1",),
            has=("pulid_ca.0.to_q.weight",),
            shapes={"pulid_ca.0.to_q.weight": (None, 3072)},
            kind=Kind.IP_ADAPTER,
            variant="pulid",
            sure=Confidence.LIKELY,
            title="PuLID",
        ),
        Signature(
            ("sdxl",),
            has=("fuse_module.mlp1.fc1.weight", "visual_projection_2.weight"),
            kind=Kind.IP_ADAPTER,
            variant="photomaker",
            sure=Confidence.LIKELY,
            title="PhotoMaker",
            prefixes=("id_encoder.",),
        ),
    ),
    variants=(
        Variant(
            "pulid",
            N_("it maps a face as PuLID does"),
            has=("image_proj.mapping_0.0.weight|image_proj.mapping_patch_0.0.weight",),
        ),
        Variant(
            "faceid-plus",
            N_("it looks at the face and at the picture, as FaceID Plus does; v2 has the same tensors"),
            has=("image_proj.perceiver_resampler.proj_in.weight",),
        ),
        Variant(
            "instantid",
            N_("it makes tokens of the 512 numbers of a recognised face, as InstantID does"),
            shapes={"image_proj.proj_in.weight": (None, 512)},
        ),
        Variant(
            "faceid",
            N_("it has LoRAs of the attention beside, as FaceID has"),
            has=("ip_adapter.0.to_q_lora.down.weight|adapter_modules.0.to_q_lora.down.weight",),
        ),
        Variant(
            "full-face",
            N_("it has image_proj.proj.3, as the full-face form has"),
            has=("image_proj.proj.3.weight",),
        ),
        Variant(
            "faceid-portrait",
            N_("it makes tokens of the 512 numbers of a recognised face, as FaceID Portrait does"),
            has=("image_proj.proj.2.weight",),
            shapes={"image_proj.proj.0.weight": (None, 512)},
        ),
        Variant("plus", N_("it reads patches of the picture, as the Plus form does"), has=("image_proj.latents",)),
        Variant("standard", N_("it reads the picture as a whole"), has=("image_proj.proj.weight",)),
    ),
    classes={"ReduxImageEncoder": (Kind.IP_ADAPTER, ("flux1",))},
)
