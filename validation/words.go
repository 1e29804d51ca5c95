package validation

import (
	"fmt"

	"github.com/ravn-ap/ravn/internal/fault"
)

// label is a text of reports in all languages.
type label = fault.Label

// phrase is a sentence with what is filled in: strings and numbers, as they are, and phrases and labels, in the same
// language. Its zero value is no sentence.
type phrase struct {
	text label
	args []any
}

func say(text label, args ...any) phrase { return phrase{text, args} }

// plain is a sentence that comes in one language only.
func plain(s string) phrase { return say(same("%s"), s) }

// same is a text that is the same in all languages.
func same(s string) label { return label{s, s, s} }

func (p phrase) in(lang fault.Lang) string {
	args := make([]any, len(p.args))
	for i, a := range p.args {
		switch a := a.(type) {
		case phrase:
			args[i] = a.in(lang)
		case label:
			args[i] = a.In(lang)
		default:
			args[i] = a
		}
	}
	return fmt.Sprintf(p.text.In(lang), args...)
}

// Verdicts.
var verdictWords = map[Verdict]label{
	Valid:      {"valid", "gyldig", "gyldig"},
	Invalid:    {"invalid", "ugyldig", "ugyldig"},
	NotChecked: {"not checked", "ikke kontrollert", "ikkje kontrollert"},
	Error:      {"no verdict", "ingen avgjørelse", "inga avgjerd"},
}

// Reasons of verdicts.
var (
	whySlow = label{
		"the check took longer than it may", "kontrollen tok lengre tid enn den får ta",
		"kontrollen tok lengre tid enn han får ta",
	}
	whyLarge = label{
		"the document needs %d MiB of memory to be checked, all checks together may take %d MiB",
		"kontrollen av dokumentet trenger %d MiB minne, alle kontroller til sammen kan bruke %d MiB",
		"kontrollen av dokumentet treng %d MiB minne, alle kontrollar til saman kan bruke %d MiB",
	}
	whyMore = label{
		"the document is more than is read: %s", "dokumentet er mer enn det som leses: %s",
		"dokumentet er meir enn det som blir lese: %s",
	}
	whyUnreadable = label{
		"the document cannot be read: %s", "dokumentet kan ikke leses: %s", "dokumentet kan ikkje lesast: %s",
	}
	whyRoot = label{
		"the root element is %s, documents of the type %s have %s",
		"rotelementet er %s, dokumenter av typen %s har %s", "rotelementet er %s, dokument av typen %s har %s",
	}
	whyUnusable = label{
		"the rules of pack %s %s cannot be used: %s", "reglene i pakken %s %s kan ikke brukes: %s",
		"reglane i pakken %s %s kan ikkje brukast: %s",
	}
	whyMemory = label{
		"the rules need more memory for this document than they may have",
		"reglene trenger mer minne for dette dokumentet enn de får bruke",
		"reglane treng meir minne for dette dokumentet enn dei får bruke",
	}
	whySteps = label{
		"the rules need more steps for this document than they may take",
		"reglene trenger flere steg for dette dokumentet enn de får ta",
		"reglane treng fleire steg for dette dokumentet enn dei får ta",
	}
	whyEnded = label{
		"the packs for this document type do not hold on %s", "pakkene for denne dokumenttypen gjelder ikke %s",
		"pakkane for denne dokumenttypen gjeld ikkje %s",
	}
	whyProcess = label{
		"there are rules for this document type, but not with the process %q",
		"det finnes regler for denne dokumenttypen, men ikke med prosessen %q",
		"det finst reglar for denne dokumenttypen, men ikkje med prosessen %q",
	}
	whyType = label{
		"no pack has rules for the document type %s", "ingen pakke har regler for dokumenttypen %s",
		"ingen pakke har reglar for dokumenttypen %s",
	}
	whyCustomization = label{
		"no pack has rules for the root element %s with the customization %q",
		"ingen pakke har regler for rotelementet %s med tilpasningen %q",
		"ingen pakke har reglar for rotelementet %s med tilpassinga %q",
	}
	whyElement = label{
		"no pack has rules for the root element %s", "ingen pakke har regler for rotelementet %s",
		"ingen pakke har reglar for rotelementet %s",
	}
	whyPlain = label{
		"this is plain %s (%s) without a customization: it does not say which rules it follows",
		"dette er ren %s (%s) uten tilpasning: dokumentet sier ikke hvilke regler det følger",
		"dette er rein %s (%s) utan tilpassing: dokumentet seier ikkje kva reglar det følgjer",
	}
	didYouMean = label{
		"%s. Did you mean %q (%s, in %s)?", "%s. Mente du %q (%s, i %s)?", "%s. Meinte du %q (%s, i %s)?",
	}
)

// Files that are no XML document.
var (
	fileMissing = label{"the file does not exist", "filen finnes ikke", "fila finst ikkje"}
	fileFolder  = label{
		"this is a folder, not a document: name the files in it",
		"dette er en mappe, ikke et dokument: oppgi filene i den",
		"dette er ei mappe, ikkje eit dokument: oppgi filene i henne",
	}
	fileShut = label{
		"the file cannot be read: %s",
		"filen kan ikke leses: %s",
		"fila kan ikkje lesast: %s",
	}
	fileIs = label{
		"this is no XML document, but %s", "dette er ikke et XML-dokument, men %s",
		"dette er ikkje eit XML-dokument, men %s",
	}
	fileEmpty = label{"an empty file", "en tom fil", "ei tom fil"}
	filePDF   = label{
		"a PDF: check the XML document that it was made of, or that is inside",
		"en PDF: kontroller XML-dokumentet som den ble laget av, eller som ligger i den",
		"ein PDF: kontroller XML-dokumentet som han vart laga av, eller som ligg i han",
	}
	fileZip = label{
		"a zip archive: unpack it first",
		"et zip-arkiv: pakk det ut først",
		"eit zip-arkiv: pakk det ut først",
	}
	fileASiC = label{
		"an ASiC container with signed documents: take the XML document out of it",
		"en ASiC-beholder med signerte dokumenter: ta XML-dokumentet ut av den",
		"ein ASiC-behaldar med signerte dokument: ta XML-dokumentet ut av han",
	}
	fileGzip = label{
		"compressed with gzip: unpack it first", "komprimert med gzip: pakk det ut først",
		"komprimert med gzip: pakk det ut først",
	}
	fileHTML  = label{"a web page (HTML)", "en nettside (HTML)", "ei nettside (HTML)"}
	fileJSON  = label{"JSON", "JSON", "JSON"}
	fileEDI   = label{"an EDIFACT message", "en EDIFACT-melding", "ei EDIFACT-melding"}
	fileImage = label{"a picture", "et bilde", "eit bilete"}
)

// Steps of a check, and why one was not done.
var (
	stepWords = map[StepKind]label{
		StepSchema:   {"XML Schema", "XML-skjema", "XML-skjema"},
		StepRules:    {"rules", "regler", "reglar"},
		StepEnvelope: {"rules of the envelope", "regler for konvolutten", "reglar for konvolutten"},
	}

	skipNoSchema = label{
		"the pack has no schema for this document type", "pakken har ikke skjema for denne dokumenttypen",
		"pakken har ikkje skjema for denne dokumenttypen",
	}
	skipErrors = label{
		"the schema found errors", "skjemaet fant feil", "skjemaet fann feil",
	}
	skipNoEnvelope = label{
		"there is no envelope around the document", "det er ingen konvolutt rundt dokumentet",
		"det er ingen konvolutt rundt dokumentet",
	}
	skipNoRules = label{
		"the pack has no rules for envelopes", "pakken har ikke regler for konvolutter",
		"pakken har ikkje reglar for konvoluttar",
	}
	skipEnded = label{"the check ended before", "kontrollen sluttet før", "kontrollen slutta før"}
)

// typeWords are what values are that cannot be read as a type.
var typeWords = map[string]label{
	"xs:decimal":  {"a decimal number", "et desimaltall", "eit desimaltal"},
	"xs:double":   {"a number", "et tall", "eit tal"},
	"xs:integer":  {"a whole number", "et heltall", "eit heiltal"},
	"xs:date":     {"a date", "en dato", "ein dato"},
	"xs:time":     {"a time", "et klokkeslett", "eit klokkeslett"},
	"xs:dateTime": {"a date with time", "en dato med klokkeslett", "ein dato med klokkeslett"},
	"xs:boolean":  {"true or false", "true eller false", "true eller false"},
}

// Failures of comparisons: the values on both sides.
var notSo = map[string]label{
	"=":  {"%s is not %s", "%s er ikke %s", "%s er ikkje %s"},
	"!=": {"%s and %s are the same", "%s og %s er like", "%s og %s er like"},
	"<":  {"%s is not less than %s", "%s er ikke mindre enn %s", "%s er ikkje mindre enn %s"},
	"<=": {"%s is more than %s", "%s er mer enn %s", "%s er meir enn %s"},
	">":  {"%s is not more than %s", "%s er ikke mer enn %s", "%s er ikkje meir enn %s"},
	">=": {"%s is less than %s", "%s er mindre enn %s", "%s er mindre enn %s"},
	"near": {
		"%s is not %s, give or take %s",
		"%s er ikke %s, pluss eller minus %s",
		"%s er ikkje %s, pluss eller minus %s",
	},
}

// Words of explanations.
var (
	isValue   = label{"%s is %s", "%s er %s", "%s er %s"}
	isEmpty   = label{"%s is empty", "%s er tom", "%s er tom"}
	isMissing = label{"%s is missing", "%s mangler", "%s manglar"}
	isSum     = label{
		"the sum of %s is %s, made of %d values",
		"summen av %s er %s, av %d verdier",
		"summen av %s er %s, av %d verdiar",
	}
	isSumOfOne = label{
		"the sum of %s is %s, made of 1 value",
		"summen av %s er %s, av 1 verdi",
		"summen av %s er %s, av 1 verdi",
	}
	isCount    = label{"the number of %s is %s", "antallet %s er %s", "talet på %s er %s"}
	isLength   = label{"%s %s has %s characters", "%s %s har %s tegn", "%s %s har %s teikn"}
	isComputed = label{"%s comes to %s, from %s", "%s blir %s, av %s", "%s blir %s, av %s"}
	andRounded = label{"%s (rounded)", "%s (avrundet)", "%s (avrunda)"}
	mustNotBe  = label{
		"%s must not be there; it is %s",
		"%s skal ikke være der; det er %s",
		"%s skal ikkje vere der; det er %s",
	}
	mustNotBeAs = label{
		"%s must not be as it is; its value is %s",
		"%s skal ikke være slik; verdien er %s",
		"%s skal ikkje vere slik; verdien er %s",
	}
	mustNotEmpty = label{
		"%s must not be there: it is empty",
		"%s skal ikke være der: det er tomt",
		"%s skal ikkje vere der: det er tomt",
	}
	notOneOf = label{
		"%s (%s) is not one of %s",
		"%s (%s) er ikke en av %s",
		"%s (%s) er ikkje ein av %s",
	}
	notOneOfN = label{
		"%s (%s) is not one of the %d values %s, …",
		"%s (%s) er ikke en av de %d verdiene %s, …",
		"%s (%s) er ikkje ein av dei %d verdiane %s, …",
	}
	noMatch = label{
		"%s (%s) does not match the pattern %s",
		"%s (%s) passer ikke til mønsteret %s",
		"%s (%s) passar ikkje til mønsteret %s",
	}
	badMatch = label{
		"%s (%s) matches the pattern %s, which it must not",
		"%s (%s) passer til mønsteret %s, og det skal den ikke",
		"%s (%s) passar til mønsteret %s, og det skal han ikkje",
	}
	notType  = label{"%s (%s) is not %s", "%s (%s) er ikke %s", "%s (%s) er ikkje %s"}
	notHolds = label{
		"the condition %s does not hold",
		"betingelsen %s er ikke oppfylt",
		"vilkåret %s er ikkje oppfylt",
	}
	badHolds = label{
		"the condition %s holds, which it must not",
		"betingelsen %s er oppfylt, og det skal den ikke være",
		"vilkåret %s er oppfylt, og det skal det ikkje vere",
	}
	inCase   = label{"%s (with %s)", "%s (med %s)", "%s (med %s)"}
	inQuotes = label{"“%s”", "«%s»", "«%s»"}
	andMore  = label{"%s and %d more", "%s og %d til", "%s og %d til"}

	notWith = map[string][2]label{ // what is wanted, and what is not
		"contains": {
			{"%s (%s) does not contain %s", "%s (%s) inneholder ikke %s", "%s (%s) inneheld ikkje %s"},
			{
				"%s (%s) must not contain %s",
				"%s (%s) skal ikke inneholde %s",
				"%s (%s) skal ikkje innehalde %s",
			},
		},
		"starts-with": {
			{
				"%s (%s) does not begin with %s",
				"%s (%s) begynner ikke med %s",
				"%s (%s) byrjar ikkje med %s",
			},
			{
				"%s (%s) must not begin with %s",
				"%s (%s) skal ikke begynne med %s",
				"%s (%s) skal ikkje byrje med %s",
			},
		},
		"ends-with": {
			{
				"%s (%s) does not end with %s",
				"%s (%s) slutter ikke med %s",
				"%s (%s) sluttar ikkje med %s",
			},
			{
				"%s (%s) must not end with %s",
				"%s (%s) skal ikke slutte med %s",
				"%s (%s) skal ikkje slutte med %s",
			},
		},
	}
)

// pageWords are the other words of reports, by the names that report.html has for them.
var pageWords = map[string]label{
	"title":    {"Validation report", "Valideringsrapport", "Valideringsrapport"},
	"document": {"Document", "Dokument", "Dokument"},
	"type":     {"Document type", "Dokumenttype", "Dokumenttype"},
	"process":  {"Process", "Prosess", "Prosess"},
	"number":   nameNumber, "issued": nameIssued, "payable": namePayable,
	"from":     {"From", "Fra", "Frå"},
	"to":       {"To", "Til", "Til"},
	"checked":  {"Checked", "Kontrollert", "Kontrollert"},
	"file":     {"File", "Fil", "Fil"},
	"program":  {"Program", "Program", "Program"},
	"pack":     {"Rules", "Regler", "Reglar"},
	"steps":    {"What was checked", "Hva som ble kontrollert", "Kva som vart kontrollert"},
	"done":     {"done", "utført", "utført"},
	"skipped":  {"not done", "ikke utført", "ikkje utført"},
	"findings": {"Findings", "Funn", "Funn"},
	"none":     {"Nothing was found.", "Det ble ikke funnet noe.", "Det vart ikkje funne noko."},
	"whole":    {"whole document", "hele dokumentet", "heile dokumentet"},
	"show":     {"in the document", "i dokumentet", "i dokumentet"},
	"others":   {"Other places with findings", "Andre steder med funn", "Andre stader med funn"},
	"remark":   {"Remark", "Merknad", "Merknad"},
	"remarks":  {"Remarks", "Merknader", "Merknader"},
	"check":    {"About this check", "Om denne kontrollen", "Om denne kontrollen"},
	"totals":   nameTotals,
	"schema":   {"schema", "skjema", "skjema"},
	"fatal":    {"fatal", "feil", "feil"},
	"warning":  {"warning", "advarsel", "åtvaring"},
	"basic":    {"basic rules only", "bare grunnleggende regler", "berre grunnleggjande reglar"},
}

// rootWords are the names of documents by their root elements.
var rootWords = map[string]label{
	"Invoice":              {"Invoice", "Faktura", "Faktura"},
	"CrossIndustryInvoice": {"Invoice", "Faktura", "Faktura"},
	"CreditNote":           {"Credit note", "Kreditnota", "Kreditnota"},
	"Order":                {"Order", "Ordre", "Ordre"},
	"OrderResponse":        {"Order response", "Ordresvar", "Ordresvar"},
	"OrderChange":          {"Order change", "Ordreendring", "Ordreendring"},
	"OrderCancellation":    {"Order cancellation", "Ordrekansellering", "Ordrekansellering"},
	"DespatchAdvice":       {"Despatch advice", "Pakkseddel", "Pakksetel"},
	"ReceiptAdvice":        {"Receipt advice", "Varemottak", "Varemottak"},
	"Catalogue":            {"Catalogue", "Katalog", "Katalog"},
	"ApplicationResponse":  {"Response", "Svar", "Svar"},
}

// Sentences of reports.
var (
	countErrors   = label{"%d errors", "%d feil", "%d feil"}
	countError    = label{"%d error", "%d feil", "%d feil"}
	countWarnings = label{"%d warnings", "%d advarsler", "%d åtvaringar"}
	countWarning  = label{"%d warning", "%d advarsel", "%d åtvaring"}
	countMore     = label{
		"%d more findings are not listed", "%d funn til er ikke listet", "%d funn til er ikkje lista",
	}
	countTimes = label{"%d times", "%d ganger", "%d gonger"}
	countLeft  = label{
		"%d lines without findings are not shown", "%d linjer uten funn er ikke vist",
		"%d linjer utan funn er ikkje viste",
	}
	countElements = label{
		"%d elements without findings are not shown", "%d elementer uten funn er ikke vist",
		"%d element utan funn er ikkje viste",
	}
	lineColumn = label{"line %d, column %d", "linje %d, kolonne %d", "linje %d, kolonne %d"}
	holdsFrom  = label{"from %s", "fra %s", "frå %s"}
	holdsUntil = label{"until %s", "til %s", "til %s"}
	remarkText = label{
		"The rule %s does not hold for %s: its condition cannot be evaluated there (%s). That says nothing against " +
			"the document.",
		"Regelen %s gjelder ikke for %s: betingelsen kan ikke beregnes der (%s). Det sier ingenting mot dokumentet.",
		"Regelen %s gjeld ikkje for %s: vilkåret kan ikkje reknast ut der (%s). Det seier ingenting mot dokumentet.",
	}
	bytesHash = label{"%d bytes, SHA-256 %s", "%d byte, SHA-256 %s", "%d byte, SHA-256 %s"}
)
