package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
)

// Rule is the name of a rule. Prometheus rules have the same names.
type Rule string

// The rules of OPS-070 whose subject exists by now.
const (
	NotReady          Rule = "not_ready"
	StoreFailed       Rule = "store_failed"
	Conservation      Rule = "conservation"
	Disk              Rule = "disk"
	CertificateExpiry Rule = "certificate_expiry"
	SendFailed        Rule = "send_failed"
	SendDelayed       Rule = "send_delayed"
	PeerDown          Rule = "peer_down"
	SMPDown           Rule = "smp_down"
	ReceiveErrors     Rule = "receive_errors"
	DeliveryDelayed   Rule = "delivery_delayed"
	DeliveryDead      Rule = "delivery_dead"
	Attention         Rule = "attention"
	NoRoute           Rule = "no_route"
	Poison            Rule = "poison"
	Clock             Rule = "clock"
	RulePacks         Rule = "rules"
)

// guide says what a rule is about where no code of the table of faults does.
type guide struct {
	blame fault.Blame
	next  string
}

// guides has all rules.
var guides = map[Rule]guide{
	NotReady: {fault.Ours, "Look at /readyz and at the log of the server"},
	StoreFailed: {
		fault.Ours,
		"See to the database and the disk; after a failure of the storage restart the server",
	},
	Conservation: {
		fault.Ours,
		"Keep the record as it is, run ravn verify, and report this as a bug in the program",
	},
	Disk: {
		fault.Ours,
		"Make space on the disk; messages are refused when it is nearly full, and sent and delivered all the same",
	},
	CertificateExpiry: {
		fault.Ours,
		"Get the next certificate and put it beside the old one: ravn certs shows all dates",
	},
	SendFailed:  {fault.Network, "ravn documents show ID says what happened to a document and what to do"},
	SendDelayed: {fault.Network, "ravn queue list says what each message waits for"},
	PeerDown: {
		fault.Theirs,
		"Nothing now: the messages are sent when it can be reached again. If it lasts, tell its provider",
	},
	SMPDown: {
		fault.Network,
		"Check DNS and the network of the server with ravn lookup ID; sending goes on by itself",
	},
	ReceiveErrors:   {fault.Theirs, "The log says what is refused and why; tell the provider of the access point"},
	DeliveryDelayed: {fault.Ours, "See to the place of delivery; ravn queue list says why each document waits"},
	DeliveryDead:    {fault.Ours, "ravn documents show ID says why; then ravn documents retry ID or discard ID"},
	Attention:       {fault.Ours, "ravn documents show ID says what is known and what is possible"},
	NoRoute: {
		fault.Ours,
		"Add a route for them, see ravn routes test, and run ravn config reload: then they are delivered",
	},
	Poison:    {fault.Ours, "ravn documents show ID says what is known; report it as a bug in the program"},
	Clock:     {fault.Ours, "See to the time service of the machine"},
	RulePacks: {fault.Ours, "ravn rules alarms shows them all"},
}

// Rules lists all rules by name.
func Rules() []Rule {
	var list []Rule
	for r := range guides {
		list = append(list, r)
	}
	slices.Sort(list)
	return list
}

// Thresholds are those of the rules. Each rule in Off is switched off.
type Thresholds struct {
	Off                        map[Rule]bool
	NotReadyAfter              time.Duration
	DiskWarn, DiskPage         int64 // per cent used
	FailedPercent, FailedOf    int64
	SendWarn, SendPage         time.Duration
	PeerAfter                  time.Duration
	PeerWaiting                int64
	SMPAfter                   time.Duration
	Refusals, RefusedPercent   int64
	DeliveryWarn, DeliveryPage time.Duration
	ClockOffset, ClockJump     time.Duration
}

// Facts are what a node knows.
type Facts struct {
	Node          string // name of the machine
	NotReady      []string
	NotReadySince time.Time
	Storage       string // why the record cannot be written, "" if it can
	Disks         []DiskFact
	Certificates  []CertificateFact
	Failed        []Document // outgoing, given up in the last hour
	Sends         Portion    // of the last hour, those given up
	Unsent        Backlog
	Undelivered   Backlog
	Peers         []PeerFact
	LookupsFail   time.Time        // since when no lookup is answered; zero: they are
	Refused       Portion          // of the last ten minutes
	Refusals      map[string]int64 // by seat, of the last ten minutes
	Unrouted      []Stuck
	Dead          []Document
	Attention     []Document
	Quarantined   []Document
	ClockOffset   time.Duration
	ClockJump     time.Duration // of the last hour
	RuleAlarms    []string
	Differences   map[string]int64 // of the conservation check, by what was compared (REL-101)
}

// DiskFact is the disk of a folder.
type DiskFact struct {
	Volume            string
	Free, Total, Need uint64 // Need: below it no messages are taken
	Silent            bool   // it does not say how full it is
}

// CertificateFact is a certificate that ends.
type CertificateFact struct {
	Use, Fingerprint string
	Left             int  // days
	Over             bool // it has expired
	Near             bool // near its end, as this use has it
}

// Document is one that the alert is about.
type Document struct{ Tenant, ID, Code string }

// Portion is some of many.
type Portion struct{ Bad, All int64 }

// above reports whether more than so many per cent are bad.
func (p Portion) above(percent int64) bool { return p.Bad*100 > p.All*percent }

// Stuck are documents of a tenant that wait for the same thing; ID is one of them.
type Stuck struct {
	Tenant, ID string
	Documents  int64
}

// Backlog is work that waits.
type Backlog struct {
	Open   int64
	Oldest time.Duration
}

// PeerFact is an access point that is left alone because it failed.
type PeerFact struct {
	Host    string
	Since   time.Time
	Waiting int64
}

// maxDocuments is how many documents have an alert of their own, of one rule. moreKey is the key of the alert for the
// others.
const (
	maxDocuments = 50
	moreKey      = "more"
)

// Judge returns what is wrong.
func (t *Thresholds) Judge(f *Facts, now time.Time) []Condition {
	var list []Condition
	for _, judge := range []func(*Facts, time.Time) []Condition{
		t.node, t.disks, t.certificates, t.sending, t.network, t.receiving, t.documents, t.rest,
	} {
		list = append(list, judge(f, now)...)
	}
	list = slices.DeleteFunc(list, func(c Condition) bool { return t.Off[c.Rule] })
	for i := range list {
		list[i].What, list[i].Key = plain(list[i].What), plain(list[i].Key)
	}
	return list
}

func (t *Thresholds) node(f *Facts, now time.Time) (list []Condition) {
	if len(f.NotReady) > 0 && now.Sub(f.NotReadySince) >= t.NotReadyAfter {
		list = append(list, Condition{
			Rule: NotReady, Key: f.Node, Severity: Page, Count: int64(len(f.NotReady)),
			What: fmt.Sprintf("server %s takes no messages: %s", f.Node, strings.Join(f.NotReady, ", ")),
		})
	}
	if f.Storage != "" {
		list = append(list, Condition{
			Rule: StoreFailed, Key: f.Node, Severity: Page, Count: 1,
			What: fmt.Sprintf("server %s cannot write to the record: %s", f.Node, f.Storage),
		})
	}
	return list
}

func (t *Thresholds) disks(f *Facts, _ time.Time) (list []Condition) {
	for _, d := range f.Disks {
		if d.Silent {
			list = append(list, Condition{
				Rule: Disk, Key: f.Node + " " + d.Volume, Severity: Page, Count: 1,
				What: fmt.Sprintf("the disk of folder %s on %s does not answer", d.Volume, f.Node),
			})
			continue
		}
		if d.Total == 0 {
			continue
		}
		used := int64(100 - float64(d.Free)/float64(d.Total)*100)
		c := Condition{
			Rule: Disk, Key: f.Node + " " + d.Volume, Severity: Warn, Count: used,
			What: fmt.Sprintf("the disk of folder %s on %s is %d %% full, %d MiB are free", d.Volume, f.Node, used,
				d.Free>>20),
		}
		switch {
		case used >= t.DiskPage, d.Free < d.Need:
			c.Severity = Page
		case used < t.DiskWarn:
			continue
		}
		list = append(list, c)
	}
	return list
}

// Days left at which the severity of a certificate rises (OPS-070).
const (
	warnDays = 30
	pageDays = 7
)

func (t *Thresholds) certificates(f *Facts, _ time.Time) (list []Condition) {
	for _, c := range f.Certificates {
		severity := Info
		switch {
		case !c.Near && !c.Over:
			continue
		case c.Over, c.Left <= pageDays:
			severity = Page
		case c.Left <= warnDays:
			severity = Warn
		}
		what := fmt.Sprintf("the %s with fingerprint %.8s ends in %d days", c.Use, c.Fingerprint, c.Left)
		if c.Over {
			what = fmt.Sprintf("the %s with fingerprint %.8s has expired", c.Use, c.Fingerprint)
		}
		list = append(list, Condition{
			Rule: CertificateExpiry, Key: c.Use + " " + short(c.Fingerprint), Severity: severity, Count: int64(c.Left),
			What: what,
		})
	}
	return list
}

func short(fingerprint string) string { return fingerprint[:min(8, len(fingerprint))] }

func (t *Thresholds) sending(f *Facts, _ time.Time) (list []Condition) {
	list = each(SendFailed, Info, "a document was given up: it was not sent", f.Failed)
	if f.Sends.All >= t.FailedOf && f.Sends.above(t.FailedPercent) {
		list = append(list, Condition{
			Rule: SendFailed, Key: "rate " + f.Node, Severity: Page, Count: f.Sends.Bad,
			What: fmt.Sprintf("%d of %d documents of the last hour were given up", f.Sends.Bad, f.Sends.All),
		})
	}
	return append(list, late(SendDelayed, "unsent", f.Unsent, t.SendWarn, t.SendPage)...)
}

// late is a backlog whose oldest work is too old.
func late(rule Rule, word string, b Backlog, warn, page time.Duration) []Condition {
	if b.Open == 0 || b.Oldest <= warn {
		return nil
	}
	c := Condition{
		Rule: rule, Key: "oldest", Severity: Warn, Count: b.Open,
		What: fmt.Sprintf("the oldest %s document has waited for %s; %d wait", word, b.Oldest.Truncate(time.Minute),
			b.Open),
	}
	if b.Oldest > page {
		c.Severity = Page
	}
	return []Condition{c}
}

func (t *Thresholds) network(f *Facts, now time.Time) (list []Condition) {
	for _, p := range f.Peers {
		if now.Sub(p.Since) >= t.PeerAfter && p.Waiting >= t.PeerWaiting {
			list = append(list, Condition{
				Rule: PeerDown, Key: p.Host, Severity: Warn, Count: p.Waiting,
				What: fmt.Sprintf("the access point %s has failed since %s; %d documents wait for it", p.Host,
					stamp(p.Since), p.Waiting),
			})
		}
	}
	if since := f.LookupsFail; !since.IsZero() && now.Sub(since) >= t.SMPAfter {
		list = append(list, Condition{
			Rule: SMPDown, Key: f.Node, Severity: Warn, Count: 1,
			What: fmt.Sprintf("no lookup in SML and SMP was answered since %s, at server %s", stamp(since), f.Node),
		})
	}
	return list
}

// leastRequests is from how many requests on a portion of them says anything.
const leastRequests = 20

func (t *Thresholds) receiving(f *Facts, _ time.Time) (list []Condition) {
	for seat, n := range f.Refusals {
		if n >= t.Refusals {
			list = append(list, Condition{
				Rule: ReceiveErrors, Key: seat, Severity: Warn, Count: n,
				What: fmt.Sprintf("%d messages of access point %s were refused in ten minutes", n, seat),
			})
		}
	}
	slices.SortFunc(list, func(a, b Condition) int { return cmp.Compare(a.Key, b.Key) })
	if r := f.Refused; r.All >= leastRequests && r.above(t.RefusedPercent) {
		list = append(list, Condition{
			Rule: ReceiveErrors, Key: "all " + f.Node, Severity: Warn, Count: r.Bad,
			What: fmt.Sprintf("%d of %d messages were refused in ten minutes at server %s", r.Bad, r.All, f.Node),
		})
	}
	return append(list, late(DeliveryDelayed, "undelivered", f.Undelivered, t.DeliveryWarn, t.DeliveryPage)...)
}

func (t *Thresholds) documents(f *Facts, _ time.Time) (list []Condition) {
	list = each(DeliveryDead, Warn, "a received document was given up: it is not delivered", f.Dead)
	for _, s := range f.Unrouted {
		list = append(list, Condition{
			Rule: NoRoute, Key: s.Tenant, Tenant: s.Tenant, Severity: Warn, Count: s.Documents, Code: fault.NoRoute,
			Message: s.ID, What: fmt.Sprintf("no route matches %d received documents of tenant %s: they wait",
				s.Documents, s.Tenant),
		})
	}
	list = append(list, each(Attention, Warn, "a document needs a decision", f.Attention)...)
	return append(list, each(Poison, Page, "a document is in quarantine", f.Quarantined)...)
}

// each has a condition for each document, and one for those that are too many.
func each(rule Rule, severity Severity, what string, docs []Document) (list []Condition) {
	for i, d := range docs {
		if i == maxDocuments {
			return append(list, Condition{
				Rule: rule, Key: moreKey, Severity: severity, Count: int64(len(docs) - maxDocuments),
				What: what + fmt.Sprintf("; there are more than %d such documents", maxDocuments),
			})
		}
		c := Condition{
			Rule: rule, Key: d.ID, Tenant: d.Tenant, Severity: severity, Count: 1, What: what, Message: d.ID,
		}
		if _, known := fault.Find(fault.Code(d.Code)); known {
			c.Code = fault.Code(d.Code)
		} else if d.Code != "" {
			c.What += " (" + d.Code + ")"
		}
		list = append(list, c)
	}
	return list
}

func (t *Thresholds) rest(f *Facts, _ time.Time) (list []Condition) {
	if f.ClockOffset.Abs() > t.ClockOffset || f.ClockJump.Abs() > t.ClockJump {
		what := fmt.Sprintf("the clock of server %s is %s away from that of the database", f.Node,
			f.ClockOffset.Round(time.Millisecond))
		if f.ClockJump.Abs() > t.ClockJump {
			what = fmt.Sprintf("the clock of server %s jumped by %s", f.Node, f.ClockJump.Round(time.Second))
		}
		list = append(list, Condition{Rule: Clock, Key: f.Node, Severity: Warn, Count: 1, What: what})
	}
	if n := len(f.RuleAlarms); n > 0 {
		list = append(list, Condition{
			Rule: RulePacks, Key: "packs", Severity: Warn, Count: int64(n),
			What: fmt.Sprintf("there are %d alarms about rule packs, such as %s", n, f.RuleAlarms[0]),
		})
	}
	for what, n := range f.Differences {
		if n != 0 {
			list = append(list, Condition{
				Rule: Conservation, Key: what, Severity: Page, Count: n,
				What: fmt.Sprintf("%d places of the %s are not as they must be", n, what),
			})
		}
	}
	return list
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
