package fault

// Codes. 1xxx: configuration and start. 2xxx: submission and sending. 3xxx: receiving and delivery. 4xxx: tools. 5xxx:
// decisions about documents. 6xxx: keeping the record.
const (
	ConfigInvalid      Code = "RAVN-1001"
	ConfigUnreadable   Code = "RAVN-1002"
	KeyUnreadable      Code = "RAVN-1003"
	KeyUntrusted       Code = "RAVN-1004"
	AnchorsUnreadable  Code = "RAVN-1005"
	FolderUnusable     Code = "RAVN-1006"
	ListenFailed       Code = "RAVN-1007"
	DatabaseUnusable   Code = "RAVN-1008"
	RevocationMissing  Code = "RAVN-1009"
	TLSUnreadable      Code = "RAVN-1010"
	PasswordWrong      Code = "RAVN-1011"
	BadArguments       Code = "RAVN-1012"
	FolderNotEmpty     Code = "RAVN-1013"
	RulesUnusable      Code = "RAVN-1014"
	DatabaseVersion    Code = "RAVN-1015"
	RoutesConfused     Code = "RAVN-1016"
	ConfigKept         Code = "RAVN-1017"
	WrongDatabase      Code = "RAVN-1019"
	NothingRecorded    Code = "RAVN-1020"
	Cancelled          Code = "RAVN-1021"
	NoServer           Code = "RAVN-1022"
	ReloadUnconfirmed  Code = "RAVN-1023"
	DocumentUnreadable Code = "RAVN-2001"
	DocumentUnknown    Code = "RAVN-2002"
	EnvelopeInvalid    Code = "RAVN-2003"
	CountryMissing     Code = "RAVN-2004"
	DocumentInvalid    Code = "RAVN-2005"
	DocumentUnchecked  Code = "RAVN-2006"
	KeyReused          Code = "RAVN-2007"
	PartyMissing       Code = "RAVN-2008"
	SideFileInvalid    Code = "RAVN-2021"
	DocumentTooLarge   Code = "RAVN-2022"
	PickupBlocked      Code = "RAVN-2023"
	NotRegistered      Code = "RAVN-2101"
	LookupFailed       Code = "RAVN-2102"
	MetadataInvalid    Code = "RAVN-2103"
	ReceiverCert       Code = "RAVN-2104"
	EndpointForbidden  Code = "RAVN-2105"
	ReceiverMoving     Code = "RAVN-2106"
	ReceiverGone       Code = "RAVN-2107"
	PeerRefused        Code = "RAVN-2201"
	PeerUnreachable    Code = "RAVN-2202"
	ReceiptInvalid     Code = "RAVN-2203"
	PeerLater          Code = "RAVN-2204"
	PeerNotReached     Code = "RAVN-2205"
	ReceiptLost        Code = "RAVN-2206"
	GivenUp            Code = "RAVN-2207"
	GivenUpUnclear     Code = "RAVN-2208"
	ProxyFailed        Code = "RAVN-2210"
	NoSuchMessage      Code = "RAVN-2301"
	NotResumable       Code = "RAVN-2302"
	MessageHeld        Code = "RAVN-2303"
	OnHold             Code = "RAVN-2304"
	DeliveryFailed     Code = "RAVN-3001"
	RecordUnreadable   Code = "RAVN-3002"
	PayloadDamaged     Code = "RAVN-3003"
	PayloadMissing     Code = "RAVN-3004"
	PayloadsUnknown    Code = "RAVN-3005"
	PayloadRescued     Code = "RAVN-3006"
	Quarantined        Code = "RAVN-3007"
	DeliveryDead       Code = "RAVN-3008"
	ColumnsMissing     Code = "RAVN-3009"
	NotYetKnown        Code = "RAVN-3010"
	DeliveryConflict   Code = "RAVN-3105"
	NoRoute            Code = "RAVN-3106"
	NoSuchAlert        Code = "RAVN-3301"
	ChannelFailed      Code = "RAVN-3302"
	CaptureUnreadable  Code = "RAVN-4001"
	SignatureInvalid   Code = "RAVN-4002"
	BenchFailed        Code = "RAVN-4003"
	ItemsInvalid       Code = "RAVN-4004"
	ReportInvalid      Code = "RAVN-4005"
	MonthRefused       Code = "RAVN-4006"
	CustomersInvalid   Code = "RAVN-4007"
	ReportDrift        Code = "RAVN-4008"
	ActionImpossible   Code = "RAVN-5010"
	RecordDiffers      Code = "RAVN-6004"
)

func row(c Code, b Blame, x Exit, en, enNext, nb, nbNext, nn, nnNext string) Entry {
	return Entry{
		Code: c, Blame: b, Exit: x,
		Texts: map[Lang]Text{English: {en, enNext}, Bokmal: {nb, nbNext}, Nynorsk: {nn, nnNext}},
	}
}

// What to do about a message that certainly did not get through and has further attempts.
const (
	againByPlan        = "ravn serve sends it again by its plan; at once: ravn send --resume ID"
	againByPlanBokmal  = "ravn serve sender den igjen etter planen; med en gang: ravn send --resume ID"
	againByPlanNynorsk = "ravn serve sender ho igjen etter planen; med ein gong: ravn send --resume ID"
)

// Table holds all entries, by code.
var Table = []Entry{
	row(ConfigInvalid, Ours, Usage, "the configuration is wrong", "Correct it and run: ravn config check",
		"konfigurasjonen er feil", "Rett den og kjør: ravn config check", "konfigurasjonen er feil",
		"Rett han og køyr: ravn config check"),
	row(ConfigUnreadable, Ours, Usage, "the configuration file cannot be read",
		"Give its path with --config, or make one with: ravn quickstart",
		"konfigurasjonsfilen kan ikke leses", "Oppgi filen med --config, eller lag en med: ravn quickstart",
		"konfigurasjonsfila kan ikkje lesast", "Oppgi fila med --config, eller lag ei med: ravn quickstart"),
	row(KeyUnreadable, Ours, Usage, "one of our keys or certificates cannot be read",
		"Check the path, format and permissions of the file",
		"en egen nøkkel eller et eget sertifikat kan ikke leses", "Sjekk filens plassering, format og rettigheter",
		"ein eigen nøkkel eller eit eige sertifikat kan ikkje lesast",
		"Sjekk plassering, format og rettar for fila"),
	row(KeyUntrusted, Ours, Usage, "our own certificate does not belong to this environment, or is not valid now",
		"Use a certificate of the configured environment, or correct the environment or the trust anchors",
		"vårt eget sertifikat hører ikke til dette miljøet, eller er ikke gyldig nå",
		"Bruk et sertifikat for det valgte miljøet, eller rett miljø og tillitsankre",
		"vårt eige sertifikat høyrer ikkje til dette miljøet, eller er ikkje gyldig no",
		"Bruk eit sertifikat for det valde miljøet, eller rett miljø og tillitsanker"),
	row(AnchorsUnreadable, Ours, Usage, "the trust anchors cannot be read", "Name a PEM file with CA certificates",
		"tillitsankrene kan ikke leses", "Oppgi en PEM-fil med CA-sertifikater", "tillitsankera kan ikkje lesast",
		"Oppgi ei PEM-fil med CA-sertifikat"),
	row(FolderUnusable, Ours, Usage, "a folder cannot be used", "Create it, or give this user write permission",
		"en mappe kan ikke brukes", "Opprett den, eller gi brukeren skriverett", "ei mappe kan ikkje brukast",
		"Opprett henne, eller gje brukaren skriverett"),
	row(ListenFailed, Ours, Usage, "the address to listen on cannot be used",
		"Stop the program that uses it, or choose another address",
		"lytteadressen kan ikke brukes", "Stopp programmet som bruker den, eller velg en annen",
		"lytteadressa kan ikkje brukast", "Stopp programmet som brukar henne, eller vel ei anna"),
	row(DatabaseUnusable, Ours, Usage, "the database cannot be opened", "Check its address, permissions and version",
		"databasen kan ikke åpnes", "Sjekk adresse, rettigheter og versjon", "databasen kan ikkje opnast",
		"Sjekk adresse, rettar og versjon"),
	row(RevocationMissing, Ours, Usage,
		"revocation checking is not built yet, so production needs an explicit decision",
		"Set certs.revocation to unchecked if you accept that revoked certificates are trusted",
		"kontroll av tilbakekalling finnes ikke ennå, så produksjon krever et uttrykkelig valg",
		"Sett certs.revocation til unchecked hvis du godtar at tilbakekalte sertifikater blir trodd",
		"kontroll av tilbakekalling finst ikkje enno, så produksjon krev eit uttrykkeleg val",
		"Set certs.revocation til unchecked om du godtek at tilbakekalla sertifikat blir trudde"),
	row(TLSUnreadable, Ours, Usage, "the TLS certificate or key cannot be used",
		"Check the files of as4.tls, or set as4.plain behind a proxy",
		"TLS-sertifikatet eller nøkkelen kan ikke brukes", "Sjekk filene i as4.tls, eller sett as4.plain bak en proxy",
		"TLS-sertifikatet eller nøkkelen kan ikkje brukast",
		"Sjekk filene i as4.tls, eller set as4.plain bak ein proxy"),
	row(PasswordWrong, Ours, Usage, "the password does not open the key file",
		"Give the right one in the password file or environment variable",
		"passordet åpner ikke nøkkelfilen", "Oppgi riktig passord i passordfil eller miljøvariabel",
		"passordet opnar ikkje nøkkelfila", "Oppgi rett passord i passordfil eller miljøvariabel"),
	row(BadArguments, Ours, Usage, "the command was used incorrectly", "See: ravn help",
		"kommandoen ble brukt feil", "Se: ravn help", "kommandoen vart brukt feil", "Sjå: ravn help"),
	row(FolderNotEmpty, Ours, Usage, "the folder is not empty", "Choose a new folder; nothing is overwritten",
		"mappen inneholder noe allerede", "Velg en ny mappe; ingenting blir overskrevet",
		"mappa inneheld noko allereie", "Vel ei ny mappe; ingenting blir overskrive"),
	row(RulesUnusable, Ours, Usage, "the rules cannot be used",
		"Correct the file at the given line, or install a release that this program supports",
		"reglene kan ikke brukes",
		"Rett filen og linjen som er nevnt, eller installer en utgave som programmet støtter",
		"reglane kan ikkje brukast",
		"Rett fila og linja som er nemnt, eller installer ei utgåve som programmet støttar"),
	row(DatabaseVersion, Ours, Usage, "the database does not have the version of this program",
		"Use the same program as the server; before an upgrade, stop the server",
		"databasen er av en annen versjon enn dette programmet",
		"Bruk samme program som serveren; stopp serveren først ved en oppgradering",
		"databasen er av ein annan versjon enn dette programmet",
		"Bruk same program som serveren; stopp serveren først ved ei oppgradering"),
	row(RoutesConfused, Ours, Usage, "the routes of received documents are not clear",
		"Give each backend and each route a name of its own, and lead each route to a backend that there is",
		"rutene for mottatte dokumenter er ikke entydige",
		"Gi hver backend og hver rute sitt eget navn, og led hver rute til en backend som finnes",
		"rutene for mottekne dokument er ikkje eintydige",
		"Gje kvar backend og kvar rute sitt eige namn, og lei kvar rute til ein backend som finst"),
	row(ConfigKept, Ours, Usage, "the changed configuration is wrong: the server goes on with the one it has",
		"Correct the file, check it with ravn config check, and reload again",
		"den endrede konfigurasjonen er feil: serveren fortsetter med den den har",
		"Rett filen, sjekk den med ravn config check, og last inn på nytt",
		"den endra konfigurasjonen er feil: serveren held fram med den han har",
		"Rett fila, sjekk henne med ravn config check, og last inn på nytt"),
	row(WrongDatabase, Ours, Usage, "data folder and database do not belong together",
		"Check data and database in the configuration. If you moved or restored one of them, read: ravn data "+
			"adopt --help",
		"datamappe og database hører ikke sammen",
		"Sjekk data og database i konfigurasjonen. Hvis en flytting eller gjenoppretting var ment, les: ravn "+
			"data adopt --help", "datamappe og database høyrer ikkje saman",
		"Sjekk data og database i konfigurasjonen. Om ei flytting eller gjenoppretting var meint, les: ravn data "+
			"adopt --help"),
	row(NothingRecorded, Ours, Usage, "nothing was ever recorded in this data folder",
		"Check data in the configuration; a record begins with ravn serve, or with the first message that is sent",
		"ingenting er noen gang registrert i denne datamappen",
		"Sjekk data i konfigurasjonen; et register begynner med ravn serve, eller med den første meldingen "+
			"som sendes", "ingenting er nokon gong registrert i denne datamappa",
		"Sjekk data i konfigurasjonen; eit register begynner med ravn serve, eller med den første meldinga som "+
			"blir send"),
	row(Cancelled, Ours, Unsure, "the work was cancelled before it was done", "Run the command again",
		"arbeidet ble avbrutt før det var ferdig", "Kjør kommandoen igjen", "arbeidet vart avbrote før det var ferdig",
		"Køyr kommandoen igjen"),
	row(NoServer, Ours, Usage, "no server that could be reached runs on this data folder",
		"Check data in the configuration, and run the command on the host and as the user of ravn serve",
		"ingen server som kan nås, bruker denne datamappen",
		"Sjekk data i konfigurasjonen, og kjør kommandoen på samme vert og som samme bruker som ravn serve",
		"ingen server som kan nåast, brukar denne datamappa",
		"Sjekk data i konfigurasjonen, og køyr kommandoen på same vert og som same brukar som ravn serve"),
	row(ReloadUnconfirmed, Ours, Unsure, "the server has not said that it reloaded its configuration",
		"Read its log: it says what it did, or why the old configuration stays",
		"serveren har ikke sagt at den har lastet konfigurasjonen på nytt",
		"Les loggen: den sier hva serveren gjorde, eller hvorfor den gamle konfigurasjonen gjelder",
		"serveren har ikkje sagt at han har lasta konfigurasjonen på nytt",
		"Les loggen: han seier kva serveren gjorde, eller kvifor den gamle konfigurasjonen gjeld"),
	row(DocumentUnreadable, Submitter, Negative, "the document cannot be read", "Submit well-formed XML without a DTD",
		"dokumentet kan ikke leses", "Lever velformet XML uten DTD", "dokumentet kan ikkje lesast",
		"Lever velforma XML utan DTD"),
	row(DocumentUnknown, Submitter, Usage, "document type and process cannot be determined from the document",
		"Give them with --doctype and --process",
		"dokumenttype og prosess kan ikke utledes av dokumentet", "Oppgi dem med --doctype og --process",
		"dokumenttype og prosess kan ikkje utleiast av dokumentet", "Oppgi dei med --doctype og --process"),
	row(EnvelopeInvalid, Submitter, Negative, "the envelope (SBDH) is wrong",
		"Correct the named error, or submit only the document",
		"konvolutten (SBDH) er feil", "Rett det som er nevnt, eller lever bare dokumentet",
		"konvolutten (SBDH) er feil", "Rett det som er nemnt, eller lever berre dokumentet"),
	row(CountryMissing, Submitter, Usage, "the country of the sender (COUNTRY_C1) is not known",
		"Give it with --country, or set country in the configuration",
		"avsenderens land (COUNTRY_C1) er ikke kjent", "Oppgi det med --country, eller sett country i konfigurasjonen",
		"landet til avsendaren (COUNTRY_C1) er ikkje kjent",
		"Oppgi det med --country, eller set country i konfigurasjonen"),
	row(DocumentInvalid, Submitter, Negative, "the document breaks the rules of its type",
		"Correct the named errors; ravn validate shows all of them",
		"dokumentet bryter reglene for sin type", "Rett det som er nevnt; ravn validate viser alt",
		"dokumentet bryt reglane for typen sin", "Rett det som er nemnt; ravn validate viser alt"),
	row(DocumentUnchecked, Ours, Usage, "the document could not be checked, and validation.no_rules says reject",
		"Install rules for its type (ravn rules install), or set validation.no_rules to accept; nothing was recorded",
		"dokumentet kunne ikke kontrolleres, og validation.no_rules sier reject",
		"Installer regler for typen (ravn rules install), eller sett validation.no_rules til accept; ingenting "+
			"ble registrert", "dokumentet kunne ikkje kontrollerast, og validation.no_rules seier reject",
		"Installer reglar for typen (ravn rules install), eller set validation.no_rules til accept; ingenting "+
			"vart registrert"),
	row(KeyReused, Submitter, Negative, "the key was used before for another document",
		"Nothing was recorded now. Look up what was sent under the key, and use another key for another document",
		"nøkkelen er brukt før, for et annet dokument",
		"Ingenting ble registrert nå. Se etter hva som ble sendt med nøkkelen, og bruk en annen nøkkel for et annet "+
			"dokument",
		"nøkkelen er brukt før, for eit anna dokument",
		"Ingenting vart registrert no. Sjå etter kva som vart sendt med nøkkelen, og bruk ein annan nøkkel for eit "+
			"anna dokument"),
	row(PartyMissing, Submitter, Usage, "sender or receiver cannot be determined from the document",
		"Give them with --from and --to, or correct the electronic addresses (EndpointID) in the document",
		"avsender eller mottaker kan ikke utledes av dokumentet",
		"Oppgi dem med --from og --to, eller rett de elektroniske adressene (EndpointID) i dokumentet",
		"avsendar eller mottakar kan ikkje utleiast av dokumentet",
		"Oppgi dei med --from og --to, eller rett dei elektroniske adressene (EndpointID) i dokumentet"),
	row(SideFileInvalid, Submitter, Negative, "the side file of a document cannot be used",
		"Nothing was sent. Correct the side file, and put it into the pick-up folder with its document",
		"følgefilen til et dokument kan ikke brukes",
		"Ingenting ble sendt. Rett følgefilen, og legg den i innleveringsmappen sammen med dokumentet",
		"følgjefila til eit dokument kan ikkje brukast",
		"Ingenting vart sendt. Rett følgjefila, og legg ho i innleveringsmappa saman med dokumentet"),
	row(DocumentTooLarge, Submitter, Negative, "the document is larger than this installation sends",
		"Nothing was sent. Divide it, or ask the operator about as4.max_expanded_bytes",
		"dokumentet er større enn det denne installasjonen sender",
		"Ingenting ble sendt. Del det opp, eller spør driften om as4.max_expanded_bytes",
		"dokumentet er større enn det denne installasjonen sender",
		"Ingenting vart sendt. Del det opp, eller spør drifta om as4.max_expanded_bytes"),
	row(PickupBlocked, Ours, Unsure, "a pick-up folder, or a file in it, cannot be used now",
		"Nothing is lost: it is tried again. Check that the folder is there and that this user may read and move "+
			"what is in it",
		"en innleveringsmappe, eller en fil i den, kan ikke brukes nå",
		"Ingenting er tapt: det prøves igjen. Sjekk at mappen finnes, og at denne brukeren får lese og flytte det "+
			"som er i den",
		"ei innleveringsmappe, eller ei fil i henne, kan ikkje brukast no",
		"Ingenting er tapt: det blir prøvd igjen. Sjekk at mappa finst, og at denne brukaren får lese og flytte det "+
			"som er i henne"),
	row(NotRegistered, Register, Negative, "the receiver is not registered for this document type and process",
		"Ask the receiver whether it can receive this, and check identifier and document type",
		"mottakeren er ikke registrert for denne dokumenttypen og prosessen",
		"Spør mottakeren, og sjekk identifikator og dokumenttype",
		"mottakaren er ikkje registrert for denne dokumenttypen og prosessen",
		"Spør mottakaren, og sjekk identifikator og dokumenttype"),
	row(LookupFailed, Network, Unsure, "the receiver could not be looked up",
		"This is a technical failure, not an answer: try again later",
		"mottakeren kunne ikke slås opp", "Dette er en teknisk feil, ikke et svar: prøv igjen senere",
		"mottakaren kunne ikkje slåast opp", "Dette er ein teknisk feil, ikkje eit svar: prøv igjen seinare"),
	row(MetadataInvalid, Register, Negative, "the receiver's metadata cannot be trusted",
		"Tell the receiver's SMP provider; nothing was sent this time",
		"mottakerens metadata er ikke til å stole på", "Si fra til mottakerens SMP-leverandør; ingenting ble sendt nå",
		"metadata om mottakaren er ikkje til å stole på",
		"Sei frå til SMP-leverandøren til mottakaren; ingenting vart sendt no"),
	row(ReceiverCert, Register, Negative, "the certificate of the receiver's access point is not valid",
		"Tell the receiver's provider; nothing was sent this time",
		"sertifikatet til mottakerens aksesspunkt er ikke gyldig",
		"Si fra til mottakerens leverandør; ingenting ble sendt nå",
		"sertifikatet til aksesspunktet til mottakaren er ikkje gyldig",
		"Sei frå til leverandøren til mottakaren; ingenting vart sendt no"),
	row(EndpointForbidden, Register, Negative, "the address of the receiver's access point is not allowed",
		"Tell the receiver's provider; nothing was sent this time",
		"adressen til mottakerens aksesspunkt er ikke tillatt",
		"Si fra til mottakerens leverandør; ingenting ble sendt nå",
		"adressa til aksesspunktet til mottakaren er ikkje tillaten",
		"Sei frå til leverandøren til mottakaren; ingenting vart sendt no"),
	row(ReceiverMoving, Register, Unsure,
		"the SML names an SMP that does not know the receiver; perhaps it is changing its provider",
		"Nothing was sent now. A held message is looked up again by ravn serve until the time that ravn queue list "+
			"shows, any other with ravn send --resume ID",
		"SML peker på en SMP som ikke kjenner mottakeren; kanskje bytter den leverandør",
		"Ingenting ble sendt nå. En melding som holdes igjen, slås opp igjen av ravn serve til tidspunktet som "+
			"ravn queue list viser, alle andre med ravn send --resume ID",
		"SML peikar på ein SMP som ikkje kjenner mottakaren; kanskje byter han leverandør",
		"Ingenting vart sendt no. Ei melding som blir halden igjen, blir slått opp igjen av ravn serve til "+
			"tidspunktet som ravn queue list viser, alle andre med ravn send --resume ID"),
	row(ReceiverGone, Register, Negative,
		"the time is over for which the message was held because no SMP knows its receiver",
		"Nothing was sent. Ask the receiver which provider it has now; ravn queue retry ID holds the message again",
		"tiden er ute for en melding som ble holdt igjen fordi ingen SMP kjenner mottakeren",
		"Ingenting ble sendt. Spør mottakeren hvilken leverandør den har nå; ravn queue retry ID holder "+
			"meldingen igjen en gang til",
		"tida er ute for ei melding som vart halden igjen fordi ingen SMP kjenner mottakaren",
		"Ingenting vart sendt. Spør mottakaren kva leverandør han har no; ravn queue retry ID held meldinga "+
			"igjen ein gong til"),
	row(PeerRefused, Theirs, Negative, "the other access point refused the message",
		"Read its error, correct the cause and send the document again as a new message",
		"det andre aksesspunktet avviste meldingen", "Les feilen, rett årsaken og send dokumentet på nytt",
		"det andre aksesspunktet avviste meldinga", "Les feilen, rett årsaka og send dokumentet på nytt"),
	row(PeerUnreachable, Network, Unsure, "it is not known whether the message arrived",
		"ravn serve sends the same bytes again by its plan, at once: ravn send --resume ID; the receiver recognises "+
			"a repeat",
		"det er ikke kjent om meldingen kom fram",
		"ravn serve sender de samme bytene igjen etter planen, med en gang: ravn send --resume ID; mottakeren kjenner "+
			"igjen en gjentakelse",
		"det er ikkje kjent om meldinga kom fram",
		"ravn serve sender dei same bytane igjen etter planen, med ein gong: ravn send --resume ID; mottakaren "+
			"kjenner igjen ei gjentaking"),
	row(ReceiptInvalid, Theirs, Unsure, "the receipt does not match what was sent",
		"Do not send again; ask the other provider what it received",
		"kvitteringen passer ikke til det som ble sendt",
		"Ikke send på nytt; spør den andre leverandøren hva som ble mottatt",
		"kvitteringa passar ikkje til det som vart sendt",
		"Ikkje send på nytt; spør den andre leverandøren kva som vart motteke"),
	row(PeerLater, Theirs, Unsure, "the other access point cannot take the message now",
		againByPlan,
		"det andre aksesspunktet kan ikke ta imot meldingen nå", againByPlanBokmal,
		"det andre aksesspunktet kan ikkje ta imot meldinga no", againByPlanNynorsk),
	row(PeerNotReached, Network, Unsure, "there was no connection to the other access point; nothing was sent",
		againByPlan,
		"det ble ingen forbindelse til det andre aksesspunktet; ingenting ble sendt",
		againByPlanBokmal,
		"det vart inga samband med det andre aksesspunktet; ingenting vart sendt",
		againByPlanNynorsk),
	row(ReceiptLost, Theirs, Unsure, "the other access point has the message already, and its receipt is lost",
		"Do not send it again; ask the other provider to confirm by the message id what it received",
		"det andre aksesspunktet har meldingen allerede, og kvitteringen er tapt",
		"Ikke send den på nytt; be den andre leverandøren bekrefte med meldings-id-en hva som ble mottatt",
		"det andre aksesspunktet har meldinga allereie, og kvitteringa er tapt",
		"Ikkje send ho på nytt; be den andre leverandøren stadfeste med meldings-id-en kva som vart motteke"),
	row(GivenUp, Network, Negative, "the message was given up: no attempt to send it got through",
		"When the receiver's access point can be reached again: ravn documents retry ID, or send the document anew",
		"meldingen er gitt opp: ingen av forsøkene på å sende den nådde fram",
		"Når mottakerens aksesspunkt kan nås igjen: ravn documents retry ID, eller send dokumentet på nytt",
		"meldinga er gitt opp: ingen av forsøka på å sende ho nådde fram",
		"Når aksesspunktet til mottakaren kan nåast igjen: ravn documents retry ID, eller send dokumentet på nytt"),
	row(GivenUpUnclear, Network, Unsure,
		"the message was given up: no receipt came, but one of the attempts may have arrived",
		"Ask the receiver's provider what arrived; ravn documents retry ID sends the same bytes again, which the "+
			"receiver recognises",
		"meldingen er gitt opp: det kom ingen kvittering, men et av forsøkene kan ha nådd fram",
		"Spør mottakerens leverandør hva som kom fram; ravn documents retry ID sender de samme bytene igjen, og "+
			"mottakeren kjenner dem igjen",
		"meldinga er gitt opp: det kom inga kvittering, men eitt av forsøka kan ha nådd fram",
		"Spør leverandøren til mottakaren kva som kom fram; ravn documents retry ID sender dei same bytane igjen, "+
			"og mottakaren kjenner dei igjen"),
	row(ProxyFailed, Ours, Unsure, "the outgoing proxy did not make the connection, so nothing was sent",
		"Check network.proxy and what the proxy allows, then: ravn send --resume ID",
		"den utgående proxyen opprettet ikke forbindelsen, så ingenting ble sendt",
		"Sjekk network.proxy og hva proxyen tillater, og så: ravn send --resume ID",
		"den utgåande proxyen oppretta ikkje sambandet, så ingenting vart sendt",
		"Sjekk network.proxy og kva proxyen tillèt, og så: ravn send --resume ID"),
	row(NoSuchMessage, Ours, Negative, "there is no such message", "Check the id",
		"meldingen finnes ikke", "Sjekk id-en", "meldinga finst ikkje", "Sjekk id-en"),
	row(NotResumable, Ours, Usage, "the message cannot be sent again in its present state",
		"The state says what is known; ask the receiver's provider what arrived before you send the document in any "+
			"other way",
		"meldingen kan ikke sendes igjen i denne tilstanden",
		"Tilstanden sier hva som er kjent; spør mottakerens leverandør hva som kom fram før dokumentet sendes på "+
			"noen annen måte", "meldinga kan ikkje sendast igjen i denne tilstanden",
		"Tilstanden seier kva som er kjent; spør leverandøren til mottakaren kva som kom fram før dokumentet "+
			"blir sendt på nokon annan måte"),
	row(MessageHeld, Ours, Unsure, "another process is sending this message",
		"Wait until it is done, then look at the state; if it does not finish, try again after the given time",
		"en annen prosess sender denne meldingen",
		"Vent til den er ferdig, og se på tilstanden; blir den ikke ferdig, prøv igjen etter tidspunktet som "+
			"er nevnt", "ein annan prosess sender denne meldinga",
		"Vent til han er ferdig, og sjå på tilstanden; blir han ikkje ferdig, prøv igjen etter tidspunktet som "+
			"er nemnt"),
	row(OnHold, Ours, Unsure, "an operator holds this message back; nothing was sent now",
		"ravn queue show ID says who and why; ravn queue release ID lets it go on",
		"en operatør holder denne meldingen tilbake; ingenting ble sendt nå",
		"ravn queue show ID sier hvem og hvorfor; ravn queue release ID lar den gå videre",
		"ein operatør held denne meldinga tilbake; ingenting vart sendt no",
		"ravn queue show ID seier kven og kvifor; ravn queue release ID let ho gå vidare"),
	row(DeliveryFailed, Ours, Unsure, "a received document could not be delivered to the receiver's system",
		"It is safe and will be tried again; check the delivery folder",
		"et mottatt dokument kunne ikke leveres til mottakerens system",
		"Det er trygt og blir forsøkt igjen; sjekk leveringsmappen",
		"eit motteke dokument kunne ikkje leverast til systemet til mottakaren",
		"Det er trygt og blir forsøkt igjen; sjekk leveringsmappa"),
	row(RecordUnreadable, Ours, Unsure, "the record cannot be read or written",
		"Check database and disk; until then no new messages are accepted",
		"registeret kan ikke leses eller skrives", "Sjekk database og disk; nye meldinger tas ikke imot imens",
		"registeret kan ikkje lesast eller skrivast",
		"Sjekk database og disk; nye meldingar blir ikkje tekne imot imens"),
	row(PayloadDamaged, Ours, Negative, "a stored payload is damaged", "Restore it from a backup; it is not delivered",
		"et lagret innhold er skadet", "Gjenopprett det fra sikkerhetskopi; det blir ikke levert",
		"eit lagra innhald er skadd", "Gjenopprett det frå sikkerheitskopi; det blir ikkje levert"),
	row(PayloadMissing, Ours, Negative, "a stored payload is missing",
		"Restore it into the data folder from a backup; ravn data check lists all that are missing",
		"et lagret innhold mangler",
		"Gjenopprett det i datamappen fra sikkerhetskopi; ravn data check nevner alt som mangler",
		"eit lagra innhald manglar",
		"Gjenopprett det i datamappa frå sikkerheitskopi; ravn data check nemner alt som manglar"),
	row(PayloadsUnknown, Ours, Negative, "too many payloads are unknown to the database, so none is removed",
		"Find out whether the database is the right one and up to date: ravn data check. If they may be removed: "+
			"ravn data collect --help",
		"for mange innhold er ukjente for databasen, så ingen blir fjernet",
		"Finn ut om databasen er den rette og oppdatert: ravn data check. Hvis de kan fjernes: ravn data "+
			"collect --help", "for mange innhald er ukjende for databasen, så ingen blir fjerna",
		"Finn ut om databasen er den rette og oppdatert: ravn data check. Om dei kan fjernast: ravn data "+
			"collect --help"),
	row(PayloadRescued, Ours, Negative, "a payload in quarantine was needed and is back in its place",
		"Find out why the database did not know it; perhaps an older copy was in use",
		"et innhold i karantene trengtes og er tilbake på plass",
		"Finn ut hvorfor databasen ikke kjente det: var en eldre kopi i bruk",
		"eit innhald i karantene trongst og er tilbake på plass",
		"Finn ut kvifor databasen ikkje kjende det: var ein eldre kopi i bruk"),
	row(Quarantined, Ours, Negative, "a message was put into quarantine because work on it never finished",
		"It is safe and nothing more happens to it: look at it with ravn queue list, report the cause, and try it "+
			"again with ravn queue retry ID",
		"en melding er satt i karantene fordi arbeidet med den aldri ble ferdig",
		"Den er trygg, og ingenting mer skjer med den: se den med ravn queue list, meld fra om årsaken, og prøv "+
			"den igjen med ravn queue retry ID",
		"ei melding er sett i karantene fordi arbeidet med ho aldri vart ferdig",
		"Ho er trygg, og ingenting meir skjer med ho: sjå ho med ravn queue list, meld frå om årsaka, og prøv ho "+
			"igjen med ravn queue retry ID"),
	row(DeliveryDead, Ours, Negative, "the delivery of a received document was given up",
		"Its sender has our receipt and does not repeat it: correct the cause, then ravn documents retry ID --reason "+
			"TEXT; to give it up for good, ravn documents discard",
		"leveringen av et mottatt dokument er gitt opp",
		"Avsenderen har kvitteringen vår og gjentar det ikke: rett årsaken, og kjør ravn documents retry ID "+
			"--reason TEXT; for å gi det opp for godt, ravn documents discard",
		"leveringa av eit motteke dokument er gitt opp",
		"Avsendaren har kvitteringa vår og gjentek det ikkje: rett årsaka, og køyr ravn documents retry ID "+
			"--reason TEXT; for å gje det opp for godt, ravn documents discard"),
	row(ColumnsMissing, Ours, Unsure, "the columns by which older documents are found cannot be filled",
		"Check database and disk; this is tried again every minute; ravn data check says how many documents wait",
		"eldre dokumenter får ikke kolonnene de blir funnet med",
		"Sjekk database og disk; det blir forsøkt igjen hvert minutt, og ravn data check sier hvor mange som venter",
		"eldre dokument får ikkje kolonnane dei blir funne med",
		"Sjekk database og disk; det blir forsøkt igjen kvart minutt, og ravn data check seier kor mange som ventar"),
	row(NotYetKnown, Ours, Unsure, "this cannot be answered yet: the numbers of older documents have not been read",
		"ravn serve reads them, some thousands a minute; try again later, or search by something else",
		"det kan ikke sies ennå: nummeret på eldre dokumenter er ikke lest",
		"ravn serve leser det, noen tusen i minuttet; se igjen senere, eller søk på noe annet",
		"det kan ikkje seiast enno: nummeret på eldre dokument er ikkje lese",
		"ravn serve les det, nokre tusen i minuttet; sjå igjen seinare, eller søk på noko anna"),
	row(DeliveryConflict, Ours, Negative,
		"something else is already where a document was to be delivered, under the same delivery id",
		"Find out who put it there. Nothing was overwritten, and delivery is not tried again",
		"noe annet ligger der et dokument skulle leveres, under samme leverings-id",
		"Finn ut hvem som la det der. Ingenting er overskrevet, og det blir ikke forsøkt igjen",
		"noko anna ligg der eit dokument skulle leverast, under same leverings-id",
		"Finn ut kven som la det der. Ingenting er overskrive, og det blir ikkje forsøkt igjen"),
	row(NoRoute, Ours, Unsure, "no route leads to a place for a received document: it is safe and waits",
		"Add a route for it, see ravn routes test, and run ravn config reload: then it is delivered by itself",
		"ingen rute fører til et sted for et mottatt dokument: det er trygt og venter",
		"Legg til en rute for det, se ravn routes test, og kjør ravn config reload: da leveres det av seg selv",
		"inga rute fører til ein stad for eit motteke dokument: det er trygt og ventar",
		"Legg til ei rute for det, sjå ravn routes test, og køyr ravn config reload: då blir det levert av seg sjølv"),
	row(NoSuchAlert, Ours, Negative, "there is no such open alert", "See ravn alerts list",
		"det finnes ikke noe slikt åpent varsel", "Se ravn alerts list",
		"det finst ikkje noko slikt ope varsel", "Sjå ravn alerts list"),
	row(ChannelFailed, Ours, Unsure, "an alert could not be sent on a channel",
		"Correct the channel in alerts.channels or its server; what waits is sent again by itself",
		"et varsel kunne ikke sendes på en kanal",
		"Rett kanalen i alerts.channels eller tjeneren dens; det som venter, sendes igjen av seg selv",
		"eit varsel kunne ikkje sendast på ein kanal",
		"Rett kanalen i alerts.channels eller tenaren hans; det som ventar, blir sendt igjen av seg sjølv"),
	row(CaptureUnreadable, Submitter, Negative, "the captured message cannot be read",
		"Give a raw HTTP message with its headers, or only its body",
		"den lagrede meldingen kan ikke leses", "Oppgi en rå HTTP-melding med hoder, eller bare kroppen",
		"den lagra meldinga kan ikkje lesast", "Oppgi ei rå HTTP-melding med hovud, eller berre kroppen"),
	row(SignatureInvalid, Theirs, Negative, "the signature of the captured message is not valid",
		"See signature.reason in the output",
		"signaturen på den lagrede meldingen er ikke gyldig", "Se signature.reason i utskriften",
		"signaturen på den lagra meldinga er ikkje gyldig", "Sjå signature.reason i utskrifta"),
	row(BenchFailed, Ours, Unsure, "the measurement did not finish", "See the cause, and run it on an idle machine",
		"målingen ble ikke fullført", "Se årsaken, og kjør på en ledig maskin", "målinga vart ikkje fullført",
		"Sjå årsaka, og køyr på ei ledig maskin"),
	row(ItemsInvalid, Submitter, Negative, "the list of exchanges cannot be used",
		"Correct the named rows; nothing was written",
		"listen over utvekslinger kan ikke brukes", "Rett radene som er nevnt; ingenting ble skrevet",
		"lista over utvekslingar kan ikkje brukast", "Rett radene som er nemnde; ingenting vart skrive"),
	row(ReportInvalid, Ours, Negative, "a report would break a rule of OpenPeppol",
		"See which keys the rule is about, and correct these exchanges; nothing was written",
		"en rapport ville bryte en regel fra OpenPeppol",
		"Se hvilke nøkler regelen gjelder, og rett disse utvekslingene; ingenting ble skrevet",
		"ein rapport ville bryte ein regel frå OpenPeppol",
		"Sjå kva nøklar regelen gjeld, og rett desse utvekslingane; ingenting vart skrive"),
	row(MonthRefused, Ours, Usage, "that is not possible for this month in its present state",
		"See ravn report status; ravn report preview is always possible",
		"måneden tillater det ikke", "Se ravn report status; alle dager har sin ravn report preview",
		"månaden tillèt det ikkje", "Sjå ravn report status; alle dagar har sin ravn report preview"),
	row(CustomersInvalid, Ours, Negative, "the customers cannot be changed like that",
		"Correct the named error; nothing was changed",
		"kundene kan ikke endres slik", "Rett det som er nevnt; ingenting ble endret", "kundane kan ikkje endrast slik",
		"Rett det som er nemnt; ingenting vart endra"),
	row(ReportDrift, Ours, Negative, "counts, rows and reports do not agree",
		"Send nothing; keep the database as it is and report this as a bug in the program",
		"tall, rader og rapporter stemmer ikke overens",
		"Send ingenting; behold databasen som den er og meld dette som en feil i programmet",
		"tal, rader og rapportar stemmer ikkje overeins",
		"Send ingenting; ta vare på databasen som han er og meld dette som ein feil i programmet"),
	row(ActionImpossible, Ours, Usage, "the state of the document does not allow that",
		"See what is possible; ravn documents show ID says what is known",
		"dokumentets tilstand tillater ikke det", "Se hva som er mulig; ravn documents show ID sier hva som er kjent",
		"tilstanden til dokumentet tillèt ikkje det",
		"Sjå kva som er mogleg; ravn documents show ID seier kva som er kjent"),
	row(RecordDiffers, Ours, Negative, "the record or its payloads are not as they must be",
		"Look at each message named, with ravn documents show, before anything is sent or removed by hand; then find "+
			"out what wrote to database or folder besides ravn, or restore what is damaged",
		"journalen eller innholdet er ikke som det skal være",
		"Se på hver melding som er nevnt, med ravn documents show, før noe sendes eller fjernes for hånd; finn så "+
			"ut hva annet enn ravn som har skrevet til database eller mappe, eller gjenopprett det som er skadet",
		"journalen eller innhaldet er ikkje som det skal vere",
		"Sjå på kvar melding som er nemnd, med ravn documents show, før noko blir sendt eller fjerna for hand; finn "+
			"så ut kva anna enn ravn som har skrive til database eller mappe, eller gjenopprett det som er skadd"),
}
