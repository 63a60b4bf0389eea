"""Words that describe any picture: a training tag made only of these is no trigger word.

Hand-made for hubman from what image taggers (WD14, DeepDanbooru) say about most pictures: counts, hair, eyes, clothes,
poses, places, camera, quality. A tag is general when every word of it is here, so `hair bow` and `black bowtie` are,
and `smart falcon` is not. Known limit: a trigger made of everyday words (`red shirt`) is taken for a description.
"""

from __future__ import annotations

import re

_WORDS = """
a an the and or of on in at to by from with without over under between behind beside near up down left right front
back off out 1girl 2girls 3girls 4girls 5girls 6+girls 1boy 2boys 3boys 4boys 1other girl girls boy boys man men
woman women male female lady person people child adult teen solo duo trio group crowd couple multiple focus no one
two three four five many hair bangs braid braids braided ponytail twintails twin tails tail bun buns ahoge sidelocks
fringe bob drill drills hairband hairclip hairpin hairstyle long short medium very straight wavy curly messy spiked
swept parted blunt side low high half updo antenna strand strands streaked gradient multicolored colored two-tone
highlights dyed crossed hime cut undercut bald beard mustache stubble facial eye eyes eyebrows eyelashes eyeshadow
pupils iris heterochromia glasses sunglasses eyewear eyepatch makeup lipstick lips mouth teeth fang fangs tongue
nose ear ears face cheek cheeks chin forehead freckles mole scar blush blushing tears sweat crying smile smiling
grin smirk frown laughing expressionless expression expressions angry sad happy surprised serious embarrassed open
closed half-closed wide wide-eyed clenched wink winking looking viewer away another body upper lower full portrait
cowboy shot close-up closeup head headshot neck shoulder shoulders bare arm arms armpit armpits elbow hand hands
finger fingers fingernails nail nails polish wrist chest breast breasts cleavage sideboob underboob nipples small
large huge flat big tiny midriff navel stomach belly abs waist hip hips thigh thighs leg legs knee knees ass butt
foot feet toes toenails barefoot soles skin dark-skinned dark tan tanned pale muscular collarbone bone groin pussy
penis wings horns halo fur animal cat dog fox wolf rabbit bird horse fish pokemon creature monster robot clothes
clothing clothed naked nude topless bottomless shirt t-shirt tshirt blouse sweater hoodie jacket coat cardigan vest
tank top crop dress sundress gown skirt miniskirt pleated pants trousers jeans shorts leggings pantyhose stockings
thighhighs kneehighs socks sock shoes shoe boots boot heels sandals sneakers footwear slippers loafers gloves glove
mittens scarf tie necktie bow bowtie ribbon ribbons hat cap beret helmet hood hooded crown tiara headband headwear
headphones headdress veil mask apron maid uniform school serafuku sailor collar collared kimono yukata hakama obi
swimsuit one-piece bikini underwear panties bra lingerie lace frills frilled frill ruffles ruffled sleeves sleeve
sleeveless detached puffy rolled strapless strap straps suspenders suspender belt buckle button buttons buttoned
zipper pocket cape cloak robe armor gauntlets armband armlet wristband wristwatch watch bracelet bracelets necklace
pendant choker earrings earring piercing ring rings jewelry gem brooch ornament ornaments flower flowers feather
feathers bell star stars heart hearts cross leather denim fur-trimmed trim striped stripes plaid checkered print
pattern polka dot dots floral torn see-through tight taut wet dirty bag backpack handbag umbrella cuffs center
garter turtleneck bodysuit leotard corset overalls jumpsuit costume cosplay outfit wear formal casual suit tuxedo
black white red blue green yellow orange purple pink brown grey gray silver gold golden blonde blond aqua cyan teal
beige violet light bright colorful monochrome greyscale grayscale sepia standing sitting lying kneeling squatting
walking running jumping flying floating falling leaning bending dancing fighting sleeping eating drinking reading
singing holding carrying hugging kissing pointing waving reaching stretching spread raised outstretched own against
another's pose posing peace sign v fist salute stance straddling riding wariza seiza indian style background simple
transparent indoors outdoors room bedroom bathroom kitchen classroom street city building buildings house window
door wall floor ceiling bed pillow chair couch table desk sky cloud clouds sun moon sunset sunrise night day evening
rain snow water ocean sea beach sand pool river lake grass tree trees forest field mountain mountains nature garden
park plant plants leaf leaves petals cherry blossoms fire smoke lights lighting shadow shadows sunlight lens flare
sparkle blurry blur bokeh depth motion speed lines dutch angle pov view above below perspective fisheye scenery
landscape cityscape ruins stage book cup glass bottle mug food fruit cake bread weapon sword gun knife staff spear
shield phone cellphone camera microphone instrument guitar piano box ball doll toy car vehicle bicycle motorcycle
train ship boat masterpiece best good normal worst quality highres absurdres lowres ultra detailed detail details
intricate realistic photorealistic photo photograph photography raw hdr 4k 8k uhd hd sharp official art artwork
illustration drawing painting sketch anime manga comic cartoon render 3d cg digital watercolor traditional media
lineart concept signature watermark text logo username artist name english speech bubble border frame rating safe
general sensitive questionable explicit nsfw sfw newest recent mid early old score_9 score_8_up score_7_up
score_6_up score_5_up score_4_up source_anime rating_safe virtual youtuber original character characters game
"""

GENERAL = frozenset(_WORDS.split())

ALWAYS = re.compile(
    r"(\d\+?(girl|boy|other)s?|solo|no humans|masterpiece|(best|good|high|highest|amazing|worst|low|normal) quality|"
    r"absurdres|highres|score_\d(_up)?|rating_\w+|source_\w+|nsfw|sfw)\Z",
    re.IGNORECASE,
)
"""Never a trigger word, whoever says so: how many people there are and how good the picture is."""

_SMILEY = re.compile(r"[:;x>^=@|][_\-<3ox.dp)(^o>|]{1,3}\Z", re.IGNORECASE)
_ARTICLE = re.compile(r"(a|an|the|there|this|two|three|several)\s", re.IGNORECASE)


def is_general(tag: str) -> bool:
    """Whether a tag describes any picture: each of its words does, or it is a count, a grade or a smiley."""
    plain = tag.strip().lower().replace("\\", "")
    if not plain or ALWAYS.match(plain) or _SMILEY.match(plain) or plain in GENERAL:
        return True
    words = re.split(r"[\s_]+", plain)
    return all(word in GENERAL or set(word.split("-")) <= GENERAL or word.isdigit() for word in words)


def is_sentence(tag: str) -> bool:
    """Whether a tag is a caption in words, as BLIP and other captioners write it."""
    words = tag.split()
    return len(words) > 6 or (len(words) > 3 and bool(_ARTICLE.match(tag)))
