"""Where it is and what stands about: places, nature, weather, times, furniture, tools, food, animals, plants."""

PLACES = """
background backgrounds foreground backdrop scenery landscape landscapes cityscape skyline indoors indoor inside
outdoors outdoor outside nature room bedroom bathroom kitchen livingroom living dining classroom hallway corridor
office library gym gymnasium infirmary hospital laboratory lab shop store market mall supermarket cafe restaurant bar
pub hotel hotspring onsen pool poolside bathhouse spa sauna church temple shrine torii castle palace tower ruins
dungeon cave tunnel bridge street road alley sidewalk crosswalk path city town village rural urban suburb building
buildings skyscraper skyscrapers house houses apartment home balcony veranda porch rooftop roof stairs staircase
stairway door doorway doors gate window windows windowsill wall walls brick tile tiles tiled floor floors wooden wood
stone concrete marble ceiling fence railing pillar pillars column columns arch architecture stage theater theatre
arena stadium concert studio station train subway airport harbor dock pier port lighthouse-less beach shore coast
seaside ocean sea lake river stream waterfall pond fountain water waters underwater waterside bank forest woods jungle
garden park field fields meadow grass grassland plain hill hills mountain mountains cliff valley canyon desert island
snowfield farm barn playground graveyard cemetery battlefield space planet earth universe galaxy nebula cosmos
spaceship spacecraft fantasy sci-fi post-apocalyptic simple blank white-background gradient-background abstract
patterned floral-background two-tone-background chain-link curtain curtains carpet rug tatami shouji sliding
"""

SKY = """
sky skies cloud clouds cloudy sun sunny sunlight sunbeam sunshine sunrise sunset dusk dawn twilight evening night
nighttime midnight day daytime daylight morning noon afternoon moon moonlight full crescent star stars starry
constellation milky way shooting meteor comet aurora eclipse rain raining rainy rainbow snow snowing snowy snowflake
snowflakes ice icy frost frozen fog foggy mist misty haze wind windy breeze storm stormy lightning thunder tornado
weather season seasonal spring summer autumn winter petal petals falling leaf leaves blossom blossoms cherry sakura
confetti bubble bubbles splash splashing droplet droplets drop drops ripple ripples wave waves foam fire flame flames
burning ember embers smoke explosion dust debris sand mud rock rocks stone stones crystal crystals energy aura magic
magical circle light lights lighting lantern lanterns lamp lamps lamppost candle candles candlelight fireworks
fireflies firefly particles particle glow glowing glint sparks spark sparkle sparkles sparkling electricity shadow
shadows shade shaded dappled
"""

THINGS = """
object objects thing things item items furniture bed bunk bedsheet bedsheets sheet sheets pillow pillows cushion
cushions blanket futon mattress couch sofa chair chairs armchair stool bench throne table tables desk counter shelf
shelves bookshelf cabinet drawer drawers mirror reflection clock painting picture poster photo frame television tv
monitor screen computer laptop keyboard mouse phone cellphone smartphone telephone tablet camera camcorder microphone
mic speaker amplifier stand instrument instruments guitar electric bass violin piano drum drums drumsticks flute
trumpet musical note notes music headphones book books notebook magazine newspaper paper papers letter envelope scroll
pen pencil brush paintbrush marker eraser ruler scissors box boxes present gift bag bags bottle bottles glass glasses
cup cups mug teacup teapot saucer tea coffee cocktail wine champagne beer sake alcohol juice milk soda cans straw
plate plates bowl tray spoon fork knife chopsticks pot pan kettle food foods meal breakfast lunch dinner bento rice
noodles ramen bread toast sandwich burger hamburger pizza meat fish egg eggs vegetable vegetables fruit fruits apple
banana orange lemon grape grapes strawberry strawberries watermelon peach cherry cherries tomato cake cupcake pastry
donut doughnut cookie cookies biscuit chocolate candy lollipop popsicle ice-cream cream icecream dessert sweets pocky
parfait crepe dango wagashi mochi cheese soup salad weapon weapons sword swords katana blade blades dagger knives gun
guns rifle pistol handgun revolver shotgun assault sniper submachine machine scope bullet bullets ammo cartridge
magazine-weapon bow arrow arrows quiver spear lance polearm halberd scythe axe hammer mace club whip shield staff wand
sheath sheathed scabbard holster bomb grenade missile rocket cannon tank turret armor-piercing ball balls balloon
balloons toy toys doll dolls teddy stuffed plush plushie figurine statue mask key keys lock rope ropes chain chains
handcuffs cuffs shackles cage coin coins money bill card cards dice chess cigarette cigarettes cigar pipe lighter
ashtray syringe pill pills test tube flask cross crucifix rosary bible flag flags banner sign signs board blackboard
chalkboard whiteboard chalk map globe compass telescope umbrella bucket broom mop towel towels tissue soap sponge comb
hairbrush hairdryer toothbrush razor bandage wheel wheels gear gears cog pipes wire wires cable cables tool tools
wrench screwdriver drill ladder barrel crate cart wagon carriage vehicle vehicles car cars truck bus van taxi
motorcycle motorbike scooter bicycle bike train boat ship yacht sailboat submarine aircraft airplane plane jet
helicopter skateboard surfboard snowboard ski skis innertube beachball volleyball basketball soccer football tennis
racket bat baseball golf sports equipment net goal symbol shape place horizon ground underground airship watercraft
chandelier potion quill skewer stick ketchup macaron mandarin carrot carrots shell shells horseshoe glowstick cd
player device digital-watch pouch sweet snack snacks beverage drinkware can tableware sundae kebab sushi onigiri
pudding syrup honey butter salt pepper-shaker onion potato pumpkin corn pocketwatch hourglass gramophone radio record
vending console controller joystick handheld gamepad puzzle kite swing slide seesaw hammock tent campfire fireplace
oven stove refrigerator microwave sink toilet bathtub showerhead faucet elevator escalator bollard hydrant traffic
cone mailbox trash trashcan dumpster locker desk-lamp spray graffiti mural monument obelisk anchor sail rudder
propeller cockpit steering handlebars tire headlight engine exhaust hologram interface hud portal rune runes sigil
pentagram orb sphere cube pyramid prism triangle square circle hexagon spiral grid mesh web cobweb
"""

LIFE = """
animal animals creature creatures cat cats kitten dog dogs puppy fox wolf wolves rabbit rabbits bunny mouse mice rat
hamster squirrel bear bears panda lion tiger leopard cow bull horse horses pony-tail unicorn pig sheep goat deer
monkey elephant bird birds owl crow eagle chicken duck penguin seagull dove pigeon parrot swan fish fishes shark whale
dolphin octopus squid jellyfish crab shrimp turtle frog snake lizard dragon dinosaur insect bug bee butterfly
butterflies moth spider ladybug beetle snail monster demon devil angel vampire werewolf zombie ghost alien fairy
mermaid elf goblin orc succubus oni slime witch wizard knight ninja samurai pirate princess prince queen king goddess
plant plants tree trees bush vine vines ivy-covered bamboo palm cactus potted flower flowers rose roses lily sunflower
hydrangea tulip lotus camellia hibiscus dandelion daisy petals bouquet wreath vase leaf leaves grass moss mushroom
mushrooms branch branches root roots seed nut acorn clover wheat fruit cat-ears animal-ears fake pet ears tailed eared
"""
