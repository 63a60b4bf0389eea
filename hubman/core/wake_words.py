"""A thousand words to try on an adapter that does not say what it answers to; `core.wake` ranks them.

Collected by hand for hubman: ordinary words that trainers take as trigger words, words of trainers and image boards,
and made-up ones of the kind people invent (a fixed random seed made those). No other list went in.
"""

TECHNIQUES = """
art artwork painting drawing sketch doodle poster photo photograph portrait landscape scenery illustration comic manga
anime cartoon engraving etching woodcut linocut lithograph collage mosaic fresco mural tapestry embroidery graffiti
stencil stamp sticker postcard blueprint diagram icon logo emblem wallpaper sprite pixelart voxel lowpoly vector
render clay origami papercraft watercolor gouache acrylic oil pastel chalk charcoal crayon pencil pen marker ink brush
airbrush canvas paper parchment sepia monochrome grayscale colorful vivid muted faded vintage retro modern futuristic
minimal abstract realistic surreal impressionist expressionist cubist baroque gothic rococo renaissance deco nouveau
ukiyo pop punk cyberpunk steampunk vaporwave synthwave noir chibi kawaii grunge psychedelic kitsch folk tribal
"""

SURFACES = """
pattern texture stripes striped dots dotted checkered plaid tartan argyle paisley floral damask houndstooth
herringbone chevron zigzag spiral swirl wave ripple grid mesh lattice honeycomb hexagon tiles tiled brick cobble
marble granite wooden grain noise speckled spotted mottled cracked wrinkled crumpled scratched rusty dusty glossy
matte shiny metallic chrome golden silver copper bronze iron steel glass crystal frosted iridescent holographic pearl
velvet silk satin lace leather denim wool linen fur feather scales plastic rubber ceramic porcelain wax smoke mist fog
haze steam cloud rain snow frost ice fire flame lava ember spark lightning water bubble foam
"""

LIGHT = """
light dark shadow silhouette outline contour halo glow glowing aura neon bloom flare sparkle glitter shimmer sunlight
moonlight candlelight twilight dawn dusk sunrise sunset midnight noon gradient tint tone hue saturated bright dim pale
deep soft hard warm cool cold inverted negative solarized duotone halftone dithered glitch scanlines pixelated blurred
bokeh sharp focus vignette overexposed underexposed contrast reflection mirror refraction prism rainbow crimson
scarlet maroon pink magenta violet indigo navy azure cyan teal turquoise mint lime olive beige brown tan cream ivory
gray amber coral peach lavender lilac
"""

COMPOSITION = """
frame framed border bordered edge corner centre panel split double triple mirrored symmetrical asymmetrical diagonal
vertical horizontal tilted rotated upside closeup macro wide panorama fisheye perspective isometric overhead aerial
profile side front back full half cropped tiny huge giant miniature floating falling flying standing sitting lying
running jumping dancing sleeping
"""

PEOPLE = """
man woman boy girl child baby person couple family crowd king queen prince princess knight wizard witch warrior
samurai ninja pirate soldier sailor pilot astronaut doctor nurse teacher student farmer hunter fisher cook baker
dancer singer clown mime monk nun angel demon devil vampire zombie ghost fairy elf dwarf orc goblin giantess mermaid
centaur robot android cyborg mecha alien monster hero villain thief guard maid butler
"""

CLOTHES = """
face eyes eye eyelashes eyebrows nose mouth lips teeth smile grin frown tears hair bangs braid ponytail twintails bun
curly wavy straight blonde brunette redhead beard mustache freckles scar tattoo makeup lipstick hand hands finger arm
shoulder neck leg knee foot dress skirt shirt blouse jacket coat hoodie sweater vest suit tie bow ribbon scarf gloves
mittens boots shoes sandals sneakers socks stockings hat cap helmet crown tiara mask glasses goggles earrings necklace
bracelet ring cape cloak robe kimono yukata uniform armor apron belt backpack purse umbrella fan wings tail horns ears
"""

ANIMALS = """
cat kitten dog puppy wolf fox bear panda koala rabbit hare mouse rat squirrel hedgehog raccoon deer elk moose horse
pony donkey zebra giraffe elephant rhino hippo lion tiger leopard cheetah monkey gorilla cow bull pig sheep goat lamb
chicken rooster duck goose swan owl eagle hawk raven crow parrot peacock penguin dove sparrow fish shark whale dolphin
octopus squid jellyfish crab lobster shrimp shell starfish turtle frog toad lizard snake dragon unicorn phoenix
griffin dinosaur butterfly moth bee wasp ant spider beetle dragonfly snail worm
"""

PLANTS = """
tree forest jungle bush leaf leaves branch root bark moss fern grass meadow flower rose tulip lily daisy sunflower
orchid lotus cherry blossom petal vine ivy cactus bamboo mushroom pine oak maple willow palm apple pear plum grape
lemon orange banana melon berry strawberry tomato carrot potato onion pepper corn rice bread cake cookie candy
chocolate honey cheese egg soup noodles sushi pizza burger tea coffee milk wine beer
"""

THINGS = """
house home cottage cabin castle palace tower temple shrine church cathedral ruin bridge street road alley city town
village skyline skyscraper market shop cafe bar kitchen bedroom bathroom library office school classroom hospital
factory farm barn garden park playground beach ocean sea lake river waterfall pond island mountain hill valley canyon
cave desert dune field sky stars moon sun planet galaxy nebula space rocket ship boat sailboat submarine train car
truck bus bicycle motorcycle airplane helicopter balloon chair table sofa bed lamp candle lantern clock watch book
letter scroll map key lock door window curtain carpet pillow blanket bottle cup mug plate bowl spoon fork knife sword
shield spear arrow axe hammer gun cannon flag banner drum guitar piano violin flute trumpet camera phone computer
keyboard screen television radio toy doll teddy puppet kite ball dice card chess coin gem diamond ruby emerald
sapphire treasure chest
"""

MOODS = """
happy sad angry scared surprised calm serene lonely lovely cute pretty beautiful ugly creepy spooky scary horror epic
heroic dramatic dreamy magical mystical fantasy mythical ancient medieval old new young clean dirty messy simple
complex detailed intricate elegant delicate fancy plain rough smooth heavy thin thick long short tall round flat empty
busy quiet loud fast slow strong weak wild
"""

TRAINERS = """
sks ohwx zwx xyz style mystyle artstyle concept character subject object token trigger lora model test sample solo duo
1girl 1boy 2girls masterpiece best quality highres absurdres official fanart original cosplay parody sfw rating
score_9 source detail 4k 8k hdr raw dslr film grainy analog polaroid instax kodak cinematic bw lineart flatcolor cel
celshaded shading screentone toon 3d 2d cg cgi unreal blender octane ghibli
"""

MADE_UP = """
pizum qqhkg trsfnc lizaqe rplkw nsktt soldlyn mahone scldbl qipzul comwv fnrgrn juwarixo runoxa girnz dblrmr myspn
dlpmns gopowo auz vigogoka luca sawagihu pppglt sinica azzuq fiqoha mne mubo myshrr kawwv llybng ncnfrs shywie twnmns
dgncmr ldxpgk pnrchr meecl bohufodi bambrk slvpsl mgccth scnqt tribwv trtktc cookwv jemo fecibone lnlfrm blonzor ipc
muvo giroid cuje wbwccm xilunite dirtoid hnycnm rava wuwobepu irqmgh vavovupi prschl fxlcfv samivu jemesu artsix
earrwv qiga solwv vegopu duzuzu aoj bleix fshnnj umj tchknf
"""

_GROUPS = (
    *(TRAINERS, TECHNIQUES, SURFACES, LIGHT, COMPOSITION, PEOPLE),
    *(CLOTHES, ANIMALS, PLANTS, THINGS, MOODS, MADE_UP),
)

WORDS = tuple(word for group in _GROUPS for word in group.split())
