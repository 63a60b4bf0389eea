"""How the picture is made: camera, light, composition, medium, quality, rating, bookkeeping of boorus; and the small
words of a caption."""

CAMERA = """
view viewpoint angle angled dutch pov first-person third-person perspective vanishing fisheye panorama wide-angle wide
close close-up closeup extreme macro shot shots cowboy portrait portraits headshot bust profile full-body upper-body
lower-body half-body half-length knee-up three-quarter from front above below behind side outside inside afar
straight-on frontal rear overhead aerial bird's-eye worm's-eye top-down low-angle high-angle centered off-center
symmetry symmetrical asymmetry composition framing framed cropped out of frame cut-off zoom zoomed layer inset panel
panels depth field focus focused focal unfocused in-focus soft blur blurry blurred bokeh motion speed lines line
emphasis action long exposure double lens flare chromatic aberration vignette vignetting film grain grainy noise noisy
scanlines glitch artifacts jpeg dof backlighting backlit rim key spotlight volumetric ambient studio natural dramatic
cinematic moody hard harsh dim dark low-key high-key contrast high-contrast overexposed underexposed hdr bloom god
rays light caustics raytracing global illumination shading cel shaded cel-shaded flat reflections subsurface
scattering foreshortening negative space rule thirds multiple views variations turnaround reference sheet concept
lineup comparison before-after sequence collage split screen letterboxed border borders pillarboxed white-border
rounded corners chart height
"""

MEDIUM = """
art arts artwork artworks illustration illustrations drawing drawings drawn painting paintings painted paint sketch
sketches sketchy rough lineart line-art outline outlines ink inked monochromatic traditional digital media medium
mixed photo photos photograph photographs photography photographic photorealistic photorealism realistic realism
hyperrealistic semi-realistic lifelike render rendered rendering 3d 2d 2.5d cg cgi animation animated anime manga
comic comics cartoon cartoony webtoon visual novel game screenshot screencap screenshots cover scan poster wallpaper
official fanart fan parody original style stylized styled aesthetic aesthetics retro vintage classic modern
contemporary 1980s 1990s 2000s 80s 90s 00s 4koma doujinshi magazine promotional key-visual production sprite icon logo
emoji meme texture textured brush strokes brushstroke hatching cross-hatching screentones halftone spot graphite
charcoal crayon marker pastel unfinished colorized ai-generated generated midjourney stable diffusion nai
"""

QUALITY = """
masterpiece best good great amazing high highest low lowest normal bad worst average quality highres absurdres
incredibly lowres hires ultra super extremely highly intricate detail details detailed detailing sharp sharpness crisp
clear clean beautiful pretty cute gorgeous stunning attractive handsome lovely elegant sexy hot perfect professional
award winning award-winning trending popular famous exquisite delicate fine finely refined resolution res uhd hd fhd
4k 8k 16k 2k raw dslr uncompressed very awa newest recent mid early old oldest late year score displeasing poorly ugly
deformed disfigured mutated mutation anatomy proportions extra fused error text watermark signature blurry jpeg
artifacts username duplicate cropped
"""

META = """
rating safe general sensitive questionable explicit nsfw sfw suggestive censored uncensored censor mosaic bar
pixelated convenient decensored commentary request requested artist artists name names character characters copyright
copyrights series tagme tag tags bad id pixiv twitter weibo patreon fanbox fantia tumblr deviantart instagram facebook
youtube subscribestar bilibili lofter logo username web website address url link qr code watermark watermarked
signature signed dated date text english japanese chinese korean speech bubble thought spoken heart exclamation
question mark ellipsis caption subtitled translated translation partial check hard-translated md5 mismatch revision
variant set third-party edit source source_anime source_furry source_pony source_cartoon sample duplicate
pixel-perfect virtual youtuber vtuber game anime cosplay crossover original alternate universe costume color hairstyle
ai page number numbered cover content rating_safe rating_questionable rating_explicit rating_general rating_sensitive
score_9 score_8_up score_7_up score_6_up score_5_up score_4_up score_9_up untagged unknown other misc image images
picture pictures photo dataset training train trained lora test captions concept subject object style woman man brand
logo-parody copyright_name company product advertisement ad advertising cosmetics label branding name-tag meme joke
collaboration fumo chibi-inset stamp seal credits footer header title titles subtitle subtitles kanji hiragana
katakana hangul cyrillic roman numeral numerals letter
"""

SMALL = """
a an the this that these those there it its it's he his him she her hers they their them is are was were be being been
has have having had do does doing could would and or nor but not no non without with within of off in into on onto at
to from by for as than like near next beside besides between behind under beneath below above over across along around
against among amid through toward towards about up down left right front back out away forward together apart some any
all every both either each few many much more most less least several lots plenty other another same different various
such very quite slightly partially mostly almost nearly just only also still even here where when while which who
whose what how why appears appear appearing seems seem seen see shows show shown showing depicts depict depicted
depicting features feature featuring featured captures capture captured capturing contains contain containing includes
include including displays display displayed displaying presents portrays portrayed portraying describes described
suggests suggesting set placed located visible prominent prominently overall scene scenes setting atmosphere mood vibe
vibes feeling sense style stylish themed theme image picture photo view shot side middle center centre corner edge top
bottom upper lower left-hand right-hand first second third last one two three four five six seven eight nine ten zero
"""

SYMBOLS = r"""
! !! !!! ? ?? !? ... + ++ +++ :d :o :p :q :3 :t :< :> :/ :| ;d ;) ;p ;q ;o xd x3 ^^^ ^_^ ^o^ >_< >:( >:) =_= @_@ o_o 0_0
d: +_+ ._. ;_; t_t u_u |_| ||_|| \m/ \o/ \||/ <o>_<o> <|>_<|>
"""

NAMES = """
sakura rose lily daisy violet amber iris dawn eve ash summer autumn crystal pearl scarlet crimson ruby jade ivy robin
raven phoenix aurora ember camellia hazel olive ginger cherry luna nova pepper angel joy destiny lotus cosmos
galaxy nebula comet meteor eclipse storm saber archer lancer caster rider assassin panther tiger power echo peach
"""

PROPER = """
sailor moon, dragon ball, red riding hood, little red riding hood, black widow, black cat, wonder woman,
scarlet witch, princess peach, princess daisy, ghost in the shell, star wars, blue archive, princess mononoke,
demon slayer, street fighter, dark souls, monster hunter, sailor mars, sailor mercury, sailor venus, sailor jupiter,
invisible woman, iron man, ant man, spider man, spider-man, bat man, super man, cat woman, one punch man,
lady dimitrescu
"""
