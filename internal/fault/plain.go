package fault

import (
	"regexp"
	"slices"
	"strings"
)

// cancelled is what plain says of context.Canceled.
const cancelled = "cancelled"

// Plain returns the text of an error as a person reads it: what the standard library and the libraries below say in the
// language of programs is said in plain words, on one line, and nothing twice. Errors of this package are plain
// already.
func Plain(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Error()
	}
	return plain(err.Error())
}

// PlainText is Plain for the text of an error that is only known as text.
func PlainText(s string) string { return plain(s) }

// phrase is a form of words of programs and what people call it.
type phrase struct {
	from *regexp.Regexp
	to   string
}

func say(from, to string) phrase { return phrase{regexp.MustCompile(from), to} }

// reasons are what an operating system says of a file that it cannot work on.
const reasons = `permission denied|operation not permitted|is a directory|not a directory|file exists|` +
	`no space left on device|` +
	`input/output error|too many open files|file name too long|invalid argument|read-only file system|directory not ` +
	`empty|file already closed`

// phrases are tried in this order, each on what the ones before it left.
var phrases = []phrase{
	// values of flags, keys and environment variables
	say(`invalid argument "([^"]*)" for "(?:-\w, )?(--[\w-]+)" flag: (?:strconv\.\w+: parsing "[^"]*": |time: )?`,
		`$2 "$1": `),
	say(`strconv\.(?:Parse(?:Int|Uint|Float)|Atoi): parsing ("[^"]*"): invalid syntax`, `$1 is not a number`),
	say(`strconv\.(?:Parse(?:Int|Uint|Float)|Atoi): parsing ("[^"]*"): value out of range`, `$1 is too large a number`),
	say(`strconv\.ParseBool: parsing ("[^"]*"): invalid syntax`, `$1 is neither true nor false`),
	say(`invalid syntax$`, `not a value that is possible there`),
	say(`value out of range$`, `too large a number`),
	say(`(?:time: )?(?:invalid|unknown unit "[^"]*" in|missing unit in) duration ("[^"]*")`,
		`$1 is no duration like 30s or 5m`),
	say(`parsing time ("[^"]*")(?: as "[^"]*": cannot parse "[^"]*" as "[^"]*"|: [\w ]+ out of range)(?:: extra `+
		`text: .*)?`, `$1 is no such day or time`),
	say(`accepts (\d+) arg\(s\), received (\d+)`, `$1 arguments are needed, $2 were given`),
	say(`accepts at most (\d+) arg\(s\), received (\d+)`, `at most $1 arguments are possible, $2 were given`),
	say(`requires at least (\d+) arg\(s\), only received (\d+)`, `at least $1 arguments are needed, $2 were given`),
	say(`\b1 arguments are\b`, `one argument is`), say(`\b1 were given\b`, `one was given`),
	say(`\b0 were given\b`, `none was given`),
	say(`flag needs an argument: `, `a value is missing after `),

	// YAML, JSON, CSV
	say(`(^|: )json: cannot`, `${1}cannot`),
	say(`cannot unmarshal (\S+) into Go struct field (?:\S+\.)?(\w+) of type \*?(\S+)`,
		`$2: «$1» is not possible here, want «$3»`),
	say(`cannot unmarshal (\S+) into Go value of type \*?(\S+)`, `«$1» is not possible here, want «$2»`),
	say(`json: unknown field ("[^"]*")`, `the field $1 is not known`),
	say(`invalid character (\S+) (?:looking for beginning of value|in literal \S+ \(expecting \S+\))`,
		`it is no JSON at $1`),
	say(`invalid character (\S+) (?:after|in) .*?($|[;)])`, `it is no JSON at $1$2`),
	say(`unexpected end of JSON input`, `the JSON ends too early`),
	say(`record on line (\d+): wrong number of fields`, `line $1 has another number of columns than the first line`),
	say(`(?:record on line \d+; )?parse error on line (\d+), column (\d+): `, `line $1 column $2: `),
	say(`bare " in non-quoted[- ]field`, `a quotation mark stands inside a field that does not begin with one`),
	say(`extraneous or missing " in quoted-field`, `a quotation mark is missing or one too many`),

	// certificates, keys and TLS
	say(`pkcs12: .*`, `it is not PKCS#12`),
	say(`(?:x509: )?(?:[\w ]+ \(use Parse\w+ instead for this key format\)|[\w ]*)(?:: )?asn1: (?:structure|syntax) `+
		`error: .*`, `the bytes are no certificate or key in DER form`),
	say(`x509: malformed [^;)\n]*`, `the bytes are no certificate or key in DER form`),
	say(`(?:x509: )?failed to parse private key[^;\n]*`, `the private key cannot be read`),
	say(`tls: failed to find any PEM data in (certificate|key) input`, `there is no $1 in PEM form in the file`),
	say(`tls: failed to find (?:"[^"]*" PEM block|certificate PEM data|PEM block)[^;\n]*`,
		`the file has PEM blocks, but not the one that is needed`),
	say(`tls: private key does not match public key`, `the key does not belong to the certificate`),
	say(`(?:tls: failed to verify certificate: )?x509: certificate signed by unknown authority`,
		`no CA that is trusted has issued the TLS certificate`),
	say(`(?:tls: failed to verify certificate: )?x509: certificate is valid for (.*?), not (\S+)`,
		`the TLS certificate is for $1, not for $2`),
	say(`(?:tls: failed to verify certificate: )?x509: certificate has expired or is not yet valid: current time `+
		`(\S+) is (after|before) (\S+)`, `the TLS certificate is not valid now: $1 is $2 $3`),
	say(`tls: first record does not look like a TLS handshake|http: server gave HTTP response to HTTPS client`,
		`what answers there does not speak TLS`),
	say(`remote error: tls: `, `the other side ended TLS: `), say(`(^|[ (])tls: `, `${1}TLS: `),
	say(`(^|[ (])x509: `, `${1}certificate: `), say(`(^|[ (])asn1: `, `${1}DER: `),

	// network
	say(`\b(?:Get|Post|Head|Put) "([^"]*)": `, `$1: `),
	say(`(?:dial \w+:? )?(?:\S+ )?lookup (\S+?)(?: on \S+)?: no such host`, `no host has the name $1`),
	say(`(?:dial \w+:? )?(?:\S+ )?lookup (\S+?)(?: on \S+)?: (?:server misbehaving|i/o timeout|read udp .*)`,
		`the DNS server does not answer for $1`),
	say(`listen (?:tcp|udp)\d? (\S+): bind: address already in use`, `$1 is in use by another program`),
	say(`listen (?:tcp|udp)\d? (\S+): bind: cannot assign requested address`, `$1 is not an address of this machine`),
	say(`listen (?:tcp|udp)\d? (\S+): bind: permission denied`, `this user may not listen on $1`),
	say(`listen (?:tcp|udp)\d?:? `, ``),
	say(`(?:dial|read|write) (?:tcp|udp|unix)\d? (?:\S+->)?(\S+): (?:connect|read|write): `, `$1: `),
	say(`(?:dial|read|write|accept) (?:tcp|udp|unix)\d? (?:\S+->)?(\S+): `, `$1: `),
	say(`connection reset by peer|broken pipe`, `the connection was cut`),
	say(`use of closed network connection`, `it was closed here`),
	say(`connection refused`, `nothing answers at that address`),
	say(`no route to host|network is unreachable`, `there is no way through the network`),
	say(`parse "[^"]*": (?:missing protocol scheme|first path segment in URL cannot contain colon|invalid `+
		`.*?|net/url: .*?)($|[;)])`, `it is no address$1`),
	say(`unsupported protocol scheme "[^"]*"`, `the address does not begin with https://`),
	say(`malformed (?:MIME header|HTTP \w+|chunked encoding)[^;)\n]*`, `it is no HTTP as it should be`),
	say(`(^|[ (])(?:net/)?http: `, `${1}HTTP: `),

	// time and end
	say(`(?:net/http: )?(?:request canceled|context canceled)(?: \(Client\.Timeout [^)]*\))?`, cancelled),
	say(`context deadline exceeded(?: \(Client\.Timeout [^)]*\))?|i/o timeout|Client\.Timeout [^:;)]*`,
		`it took too long`),
	say(`\bunexpected EOF\b`, `it ends too early`), say(`\bEOF\b`, `it ends too early`),

	// files
	say(`(?:zip|gzip|zlib|flate): (?:not a valid zip file|invalid header|corrupt input[^;)\n]*|invalid checksum)`,
		`it is no archive that can be read`),
	say(`\b(?:open|stat|lstat|read|readdirent|fdopendir|chdir|readlink|mkdir|rename|unlink|remove|fork/exec) `+
		`([^:\n"]+?): no such file or directory`, `$1 does not exist`),
	say(`\b(?:rename|link|symlink) (\S+) (\S+): `, `$1 to $2: `),
	say(`\b(?:open|stat|lstat|read|write|readdirent|fdopendir|chdir|mkdir|unlink|remove|sync|fsync|chmod|truncate|c`+
		`lose) ([^:\n"]+?): (`+reasons+`)`, `$1: $2`),
	say(`no such file or directory`, `it does not exist`),
	say(`permission denied|operation not permitted`, `this user has no permission`),
	say(`is a directory`, `it is a folder, not a file`),
	say(`not a directory`, `a part of the path is a file, not a folder`),
	say(`file exists`, `it exists already`), say(`no space left on device`, `the disk is full`),
	say(`file is not a database(?: \(26\))?`, `the file is no database`),
	say(`unable to open database file(?:: out of memory)?(?: \(14\))?`, `the database file cannot be opened`),
	say(`SQL logic error: `, ``), say(`\bsql: database is closed`, `the database is closed`),
}

// kinds are the types of program values as people call them.
var kinds = strings.NewReplacer(
	"«string»", "a text", "«number»", "a number", "«bool»", "true or false", "«boolean»", "true or false", "«array»",
	"a list", "«object»", "keys of its own",
	"«int»", "a whole number", "«int64»", "a whole number", "«uint64»", "a whole number", "«float64»", "a number",
	"«[]string»", "a list of texts",
	"«[]interface»", "a list", "«map[string]interface»", "keys of its own", "«map»", "keys of its own", "«null»",
	"nothing",
)

// otherKind is a type that has no name among kinds: a struct, which holds keys, or a list of them.
var otherKind = regexp.MustCompile(`«(\[\])?[^»]*»`)

// plain translates a text.
func plain(s string) string {
	for _, p := range phrases {
		s = p.from.ReplaceAllString(s, p.to)
	}
	s = kinds.Replace(s)
	s = otherKind.ReplaceAllStringFunc(s, func(kind string) string {
		if strings.HasPrefix(kind, "«[]") {
			return "a list"
		}
		return "keys of its own"
	})
	return once(oneLine(s))
}

// oneLine joins the lines of a text, each said once.
func oneLine(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
}

// once leaves out a part between colons that says what the one before it said: "smp: smp: no answer".
func once(s string) string {
	parts := strings.Split(s, ": ")
	kept := parts[:1]
	for _, p := range parts[1:] {
		if p != kept[len(kept)-1] {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ": ")
}
