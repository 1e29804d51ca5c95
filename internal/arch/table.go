package arch

// allowed lists, for each package, the packages of this project that it may import outside of tests.
var allowed = map[string]string{
	"peppol":              "",
	"xml":                 "",
	"xml/safe":            "",
	"xml/dsig":            "xml/safe",
	"ebms":                "xml/safe",
	"peppol/doctype":      "xml/safe",
	"sbdh":                "peppol peppol/doctype xml/safe internal/b64 internal/datetime",
	"certs":               "peppol internal/textfile",
	"internal/b64":        "",
	"internal/datetime":   "",
	"as4/mime":            "internal/b64",
	"as4/intake":          "",
	"as4/wssec":           "xml/safe xml/dsig",
	"internal/ttl":        "",
	"internal/retryafter": "",
	"xml/regex":           "",
	"xml/xdm":             "xml/safe",
	"xml/xpath":           "xml/xdm xml/regex",
	"validation/pack":     "internal/durable internal/textfile xml/safe",
	"validation/core":     "validation/pack xml/schematron",
	"validation": "internal/fault peppol/doctype xml/safe validation/pack xml/schematron validation/testset xml/xdm " +
		"xml/xpath xml/xsd",
	"validation/testset": "xml/safe xml/xdm",
	"xml/schematron":     "xml/safe xml/xdm xml/xpath",
	"xml/xsd":            "xml/safe xml/regex",
	"sml":                "peppol internal/ttl",
	"reporting":          "peppol xml/safe internal/durable",
	"smp":                "peppol certs internal/datetime internal/retryafter internal/ttl xml/safe xml/dsig",
	"as4": "ebms as4/intake as4/mime as4/wssec certs internal/retryafter peppol sbdh xml/dsig " +
		"xml/safe",
	"internal/durable":         "",
	"internal/durable/faultfs": "internal/durable",
	"internal/fault":           "",
	"internal/textfile":        "",
	"internal/manual":          "internal/fault",
	"internal/download":        "smp",
	"internal/metrics":         "ebms",
	"internal/alert":           "internal/db internal/fault internal/retryafter",
	"internal/config": "peppol certs smp sml internal/fault internal/routes internal/textfile " +
		"internal/durable",
	"internal/db":      "",
	"internal/ledger":  "internal/db peppol",
	"internal/store":   "internal/db internal/ledger peppol",
	"internal/queue":   "internal/db internal/store",
	"internal/backend": "internal/durable",
	"internal/explain": "as4 as4/mime as4/wssec certs ebms sbdh xml/safe xml/dsig internal/fault",
	"internal/ap": "as4 certs ebms peppol peppol/doctype reporting sbdh smp internal/backend " +
		"internal/fault internal/queue internal/db internal/store internal/store/blob validation",
	"internal/routes":              "peppol",
	"internal/backend/backendtest": "internal/backend",
	"internal/verify":              "internal/store internal/store/blob",
	"internal/pickup":              "internal/ap internal/db internal/durable internal/fault internal/store peppol",
	"internal/documents": "as4 certs peppol peppol/doctype sbdh internal/db internal/durable internal/explain " +
		"internal/fault internal/store internal/store/blob validation",
	"internal/notify": "internal/backend internal/db internal/documents internal/queue internal/store",
	"internal/node": "as4 as4/intake certs ebms internal/alert internal/metrics " +
		"peppol smp sml sbdh internal/alive internal/ap " +
		"internal/backend internal/config internal/fault internal/pickup internal/queue internal/accounts " +
		"internal/db " +
		"internal/ledger internal/store internal/store/blob internal/db/postgres internal/db/sqlite " +
		"internal/documents internal/notify internal/verify reporting validation validation/core validation/pack " +
		"internal/durable internal/routes",
	"internal/setup": "peppol certs internal/fault certs/localca internal/durable",
	"internal/bench": "",
	"internal/accounts": "internal/fault internal/textfile internal/db internal/ledger peppol reporting " +
		"validation",
	"internal/gendata":         "internal/db internal/ledger internal/store internal/store/blob peppol",
	"internal/alive":           "",
	"internal/arch":            "",
	"internal/arch/cmd":        "internal/arch",
	"internal/golden":          "",
	"internal/mutants":         "",
	"internal/testrun":         "",
	"internal/sim":             "",
	"internal/sweep":           "xml/safe xml/schematron",
	"internal/store/blob":      "internal/db internal/store internal/durable",
	"internal/db/postgres":     "internal/db",
	"internal/db/sqlite":       "internal/db internal/alive internal/durable",
	"internal/store/storetest": "internal/golden internal/db internal/ledger internal/store peppol internal/alive",
	"certs/localca":            "certs internal/durable internal/textfile",
	"testbed/sml":              "peppol",
	"testbed/smp":              "certs peppol",
	"testbed/proxy":            "",
	"testbed/interop":          "internal/golden",
	"testbed/saxon":            "internal/golden testbed/interop",
	"testbed": "as4 certs peppol internal/ap internal/config internal/node internal/setup " +
		"internal/db internal/store certs/localca testbed/sml testbed/smp internal/durable",
	"cmd/ravn": "internal/alert as4 certs peppol smp internal/ap internal/bench internal/documents internal/gendata " +
		"internal/config internal/download internal/explain internal/fault internal/manual internal/textfile " +
		"internal/verify internal/routes " +
		"internal/node internal/accounts internal/setup internal/db internal/ledger internal/store reporting testbed " +
		"validation validation/core validation/pack internal/durable",
}

// homes lists the rooms in which a dependency may be imported outside of tests (style.md habit 17).
var homes = map[string]string{
	"github.com/beevik/etree":             "testbed/smp",
	"github.com/russellhaering/goxmldsig": "testbed/smp",
	"github.com/miekg/dns":                "sml testbed/sml",
	"modernc.org/sqlite":                  "internal/db/sqlite",
	"golang.org/x/text":                   "smp xml/xpath",
	"golang.org/x/sys":                    "internal/db/sqlite",
	"github.com/jackc/pgx":                "internal/db/postgres",
	"github.com/prometheus":               "internal/metrics",
	"github.com/wneessen/go-mail":         "internal/alert",
	"github.com/rs/zerolog":               "internal/node cmd/ravn testbed",
	"github.com/spf13/cobra":              "cmd/ravn",
	"github.com/mattn/go-isatty":          "cmd/ravn",
	"github.com/goccy/go-yaml":            "internal/config internal/accounts internal/setup",
	"github.com/xuri/excelize/v2":         "internal/accounts",
	"github.com/klauspost/compress":       "as4 internal/explain",
	"github.com/fsnotify/fsnotify":        "internal/pickup",
	"github.com/google/uuid":              "as4 internal/ap internal/db testbed/smp",
	"software.sslmate.com/src/go-pkcs12":  "certs",
}
