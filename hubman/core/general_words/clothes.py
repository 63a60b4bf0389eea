"""What people wear, of what and how: clothes, shoes, headgear, jewellery, materials, patterns, colours, conditions."""

CLOTHES = """
clothes clothing clothed outfit outfits costume costumes cosplay uniform uniforms attire garment wear wearing dress
dresses sundress gown skirt skirts miniskirt microskirt overskirt shirt shirts t-shirt tshirt undershirt blouse
sweater sweatshirt hoodie jersey jacket blazer coat overcoat trenchcoat raincoat labcoat lab parka cardigan vest
waistcoat tank top tops crop cropped camisole tube halter halterneck bandeau corset bustier tunic robe robes cloak
cape capelet poncho shawl stole pants trousers jeans slacks leggings shorts hotpants bloomers buruma pantyhose tights
stocking stockings thighhigh thighhighs kneehigh kneehighs sock socks legwear legwarmers garter garters belt belts
buckle suspender suspenders swimsuit swimwear one-piece bikini speedo trunks wetsuit underwear panties pantyshot bra
bras brassiere thong g-string lingerie negligee babydoll nightgown pajamas pyjamas sleepwear bathrobe towel sarong
pareo apron maid school serafuku sailor gakuran gym track suit tuxedo business formal casual office lady military
soldier police nurse waitress waiter chef nun miko priest idol bunny playboy cheerleader racing bridal bride wedding
kimono yukata hakama haori obi sash happi furisode hanfu cheongsam qipao hanbok dirndl leotard bodysuit bodystocking
jumpsuit overalls romper pinafore armor armour armored breastplate pauldrons pauldron gauntlet gauntlets greaves
cuirass vambraces plate chainmail bodyarmor tabard faulds spandex latex plugsuit power spacesuit exosuit harness
holster pouch straitjacket pelvic curtain loincloth fundoshi sarashi diaper peplum petticoat crinoline hoop tutu
layered wetsuits nightwear streetwear denim leather lace satin silk velvet wool woolen knit knitted cotton linen mesh
fishnet fishnets fur fur-trimmed fur-trim trim trimmed trims cloth fabric rubber plastic metal metallic gold-trimmed
gothic goth lolita punk steampunk military-style western traditional japanese-style chinese-style competition
sweatpants yoga sportswear workout sports activewear swimming lifeguard policewoman dancer dancers idol-clothes
nontraditional fashion couture kigurumi onesie keikogi dougi gi judogi bikesuit biker driver pilot cowgirl cowboy
firefighter astronaut scientist doctor butler teacher student students graduate kindergarten delivery mechanic miner
farmer fisherman hunter mage sorceress sorcerer magician cleric paladin archer-class clown jester mummy skeleton-print
sweatband headset-mic loungewear raincoats snowsuit ski mittens kneepads kneepad elbowpads shinguards spats singlet
briefs boxers jockstrap pasties negligees teddy-lingerie basque merry widow bridalwear cocktail ball evening
halterdress shirtdress tennis volleyball bloomer cheongsams kimonos yukatas sundresses undergarments leg-warmers
arm-guards armguards shoulderpads spaulder spaulders cowl toga chiton
"""

DETAILS = """
collar collars collared collarless neckline turtleneck neck v-neck u-neck plunging scoop sleeve sleeves sleeved
sleeveless long-sleeved short-sleeved detached puffy juliet bell wide rolled rolled-up frilled cap wrists past elbows
strap straps strapless spaghetti single criss-cross crisscross off-shoulder off one-shoulder shoulderless backless
open-back front-tie side-tie tie-up lace-up string strings button buttons buttoned unbuttoned button-up zipper zippers
zipped unzipped zip pocket pockets cuff cuffs hem pleat pleats pleated frill frills frilly ruffle ruffles ruffled
ribbon-trimmed ribbed seam slit side-slit high-waist low-rise highleg lowleg high-low hip-vent vent vents cutout
cutouts keyhole window tailcoat coattails epaulettes epaulette aiguillette tassel tassels fringe-trim cord rope
drawstring lapels lapel hood hooded hoodless insignia emblem badge patch print prints printed pattern patterned plaid
checkered checked argyle striped stripe stripes vertical diagonal horizontal polka dot dots dotted floral leopard
zebra camouflage camo tie-dye gradient-colored multicolored two-tone see-through transparent translucent sheer tight
loose oversized undersized taut skin-tight form-fitting torn ripped dirty wet tattered worn-out partially fully
untucked tucked-in around under over undone adjustable inside-out backwards covering lifted pulled removed unworn
alternate official matching mismatched asymmetrical asymmetric shared borrowed new traditional modern summer winter
spring autumn fall christmas halloween santa
"""

ACCESSORIES = """
hat hats cap caps baseball beret beanie fedora bowler straw witch wizard nurse-cap peaked garrison cabbie bucket sun
top party crown crowns tiara diadem circlet wreath headband hairband hairclip hairclips hairpin hairpins headwear
headgear headdress headpiece bonnet veil veils hood helmet helmets mask masks masked gas surgical goggles glasses
eyeglasses spectacles sunglasses eyewear monocle rimless semi-rimless round rectangular tinted over-rim under-rim rim
visor headphones headset earphones earbuds earmuffs bow bows bowtie bowties tie ties necktie neckties ascot cravat
jabot neckerchief neckwear scarf scarves bandana ribbon ribbons choker chokers necklace necklaces pendant pendants
locket chain chains collar leash bell bells jewelry jewellery gem gems gemstone jewel jewels pearl pearls crystal
beads bead bracelet bracelets bangle bangles anklet anklets armlet armlets armband wristband wristbands wristwatch
watch watches ring rings earring earrings stud studs hoop dangle piercing piercings brooch pin pins corsage feather
feathers flower flowers ornament ornaments decoration decorations accessory accessories tassel bobby shimenawa
magatama gohei ofuda glove gloves fingerless elbow mittens mitten arm warmers warmer bridal shoe shoes boot boots
thigh-high knee-high ankle heels heel high-heeled platform stiletto pump pumps sandals sandal slippers slipper
sneakers sneaker loafers loafer footwear mary janes geta tabi zouri uwabaki flip-flops stirrup socks bandaid bag bags
backpack handbag purse satchel randoseru shoulder-bag briefcase suitcase basket umbrella parasol fan folding hand-fan
cane wand staff badge name tag card nametag lanyard id whistle keychain strap scrunchie bandages leg-wear wrist wrap
wraps legwrap armwear
"""

COLOURS = """
black white red blue green yellow orange purple pink brown grey gray silver gold golden blonde blond aqua cyan teal
beige violet magenta turquoise maroon navy lavender crimson scarlet amber emerald khaki ivory cream peach olive indigo
platinum copper bronze rainbow pastel neon vivid bright dark light pale deep dull muted warm cool colorful colourful
colored coloured color colour colors colours hue saturated desaturated monochrome monochromatic greyscale grayscale
sepia tinted shiny glossy matte sparkly glitter glittering iridescent holographic opalescent multicolor
"""
