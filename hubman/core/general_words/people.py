"""Who is in the picture, how it stands and looks: counts, sexes, ages, bodies, faces, expressions, poses, gestures."""

PEOPLE = """
1girl 2girls 3girls 4girls 5girls 6+girls 1boy 2boys 3boys 4boys 5boys 6+boys 1other 2others 1woman 1man 2women 2men
1person 2people girl girls boy boys man men woman women male males female females lady ladies gentleman guy guys
person people human humans humanoid child children kid kids adult adults teen teenager baby infant toddler elder
elderly old young younger middle-aged aged mature milf loli shota solo duo trio group crowd couple pair twins siblings
sisters brothers family friends multiple focus one two three four five six many several androgynous futanari yaoi yuri
otoko no ko trap bishounen reverse genderswap mtf ftm persona dual everyone audience silhouette figure body bodies
height size difference asian european caucasian african korean japanese chinese indian western eastern american
british french nude-colored individual individuals subject model models actor actress celebrity
"""

HAIR = """
hair haired bangs braid braids braided ponytail twintails pigtails twin tails tail bun buns ahoge sidelocks fringe bob
drill drills hairstyle hairdo long short medium very absurdly straight wavy curly messy spiked spiky swept parted
blunt side low high half updo antenna strand strands streak streaks streaked gradient multicolored colored two-tone
split-color highlights inner dyed crossed hime cut undercut mohawk afro bald beard bearded mustache moustache goatee
stubble sideburns facial intakes rings flaps wings-shaped hanging wet-look shiny glossy flowing floating windblown
tied untied bound down up slicked back layered feathered shaved buzz pixie cornrows dreadlocks ringlets forelocks
tendrils kemonomimi asymmetrical asymmetric tresses locks comb-over bowl short-haired long-haired blonde brunette
redhead ginger french crown fishtail pulled loose tousled fluffy scrunchie
"""

FACE = """
eye eyes eyebrow eyebrows eyelash eyelashes eyelid eyelids eyeshadow eyeliner mascara pupil pupils iris heterochromia
sanpaku tsurime tareme jitome slit slitted constricted dilated glowing empty hollow rolling cross-eyed bags makeup
lipstick lip lips gloss mouth teeth tooth fang fangs tongue saliva drool drooling nose nosebleed ear ears earlobe
pointy elf face faces facing cheek cheeks chin jaw forehead freckle freckles mole moles beauty mark scar scars dimples
wrinkles blush blushing flushed stickers tear tears teardrop sweat sweatdrop sweating cry crying smile smiling smirk
grin grinning frown frowning laugh laughing giggling scowl pout pouting expression expressions expressionless angry
anger sad sadness happy happiness joy surprised scared worried nervous serious embarrassed shy bored sleepy tired
annoyed disgust disgusted confused crazy evil naughty seductive smug drunk pain ahegao torogao gloom depressed calm
gentle determined confident emotionless neutral excited envy shocked fear furrowed raised v-shaped thick clenched
parted pursed puckered wince wink winking squinting blinking licking biting kiss puckering closed open half-closed
half-open wide wide-eyed narrowed shading averting gaze glance stare staring eyeball sclera sclerae facepaint facial
tattoo tattoos marking markings bandaid bandage bandages eyepatch snot snout muzzle whisker whiskers anime-style
"""

BODY = """
body upper lower full half torso head neck nape throat shoulder shoulders back chest breast breasts bust busty
cleavage sideboob underboob backboob flat small medium large huge gigantic big tiny little perky sagging hanging
nipple nipples areola areolae midriff navel stomach belly tummy abs abdomen waist narrow wide hip hips hipbone groin
crotch thigh thighs gap leg legs knee knees kneepits calf calves ankle ankles foot feet toe toes toenail toenails heel
heels sole soles barefoot arm arms armpit armpits elbow elbows forearm wrist wrists hand hands palm palms finger
fingers fingering fingernail fingernails thumb thumbs nail nails polish manicure skin skinned dark-skinned
light-skinned tan tanned tanlines tanline pale fair light dark brown-skinned muscle muscles muscular toned fit slim
slender skinny thin petite chubby plump fat obese curvy voluptuous tall short collarbone collarbones clavicle ribs
spine shoulder-blade bone bones skeleton skull butt ass buttocks anus pussy vulva vagina clitoris penis testicles
erection precum cum semen ejaculation pubic veiny veins body-hair hairy furry fur kemono wing wings feathered horn
horns antlers halo tail tails hooves hoof claw claws paw paws scale scales fins gills tentacle tentacles antennae
animal beak mane bulge cameltoe bare exposed covered visible through parts amputee prosthesis prosthetic mechanical
cyborg android robot doll joints pregnant lactation milk sweaty oily oiled shiny wet steaming steam heavy breathing
breath blood bloody bleeding injury wound bruise bodypaint bodysuit-like stitches third extra missing limb limbs thick
cutout skindentation thickness proportions physique figure bodily naked nude nudity completely topless bottomless
undressing unworn removed
"""

ACTION = """
standing sitting seated lying laying kneeling kneel squatting squat crouching crouch walking running run jumping jump
hopping flying floating hovering falling leaning lean bending bent bow bowing dancing dance fighting battle attack
sleeping waking eating eat drinking drink reading writing singing drawing playing play swimming diving bathing bath
shower showering cooking cleaning driving riding ride climbing crawling carrying carry holding hold holds hugging hug
kissing kisses grabbing grab groping pointing point waving wave reaching reach stretching stretch spreading spread
raised raising outstretched extended crossed crossing folded clasped interlocked locked own another another's other
others each self against between behind pose posed posing poses peace sign v salute saluting stance fist fists
straddling wariza seiza yokozuwari indian style fetal position on one all fours knees-up up down upside-down inverted
upright reclining recline crossed-legs legs-crossed contrapposto gesture gestures thumbs-up ok shushing beckoning
clapping praying prayer begging shrugging facepalm adjusting touching touch rubbing stroking brushing combing tying
untying pulling pull pushing push lifting lift lifted throwing catching shooting aiming aim firing kicking punching
slapping biting licking sucking swallowing feeding pouring stirring cutting swinging twirling spinning balancing
handstand split splits yawning sneezing coughing whispering shouting screaming talking listening thinking working
studying shopping fishing gardening painting photographing filming recording selfie looking look looks watching watch
viewer viewers away afar front aside sideways over head-tilt tilt tilted turned turning rest resting relaxed relaxing
hiding peeking peek peeking-out surprise restrained bound tied-up bondage sex vaginal anal oral fellatio paizuri
handjob footjob masturbation cunnilingus doggystyle missionary cowgirl penetration penetrated hetero implied public
exhibitionism flashing presenting undressed dressing wearing worn wears tucked hand-on-hip hands-on-hips action motion
movement moving leading dragging petting headpat piggyback princess lap pillow leg-up arms-up arm-up behind-back
presented facing-away facing-viewer imminent after before during while about incoming wading fidgeting wiping steepled
index exercise exercising training stretching-out upturned slip slipping trail trails leaning-foward foward imitation
bespectacled enmaided shirtless pantsless barechested aroused horny tickling wrestling boxing archery fencing sparring
victory defeat dying dead hanging swaying splashing soaking stripping striptease teasing flirting cuddling snuggling
spooning mating impregnation gangbang threesome rape molestation masturbating squirting gagged gag blindfold
blindfolded collared-neck muzzled chained shackled suspension spanking choking strangling zettai ryouiki absolute
territory
"""
