package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Notice is what is to be told on a channel.
type Notice struct {
	ID, Tenant, Alert string
	At                time.Time
	Severity          Severity
	Subject           string // one line
	Body              string // for people
	Event             string // for programs: a CloudEvent (API-092)
}

// occasion is why something is told.
type occasion string

const (
	opened   occasion = "opened"
	repeated occasion = "repeated" // it is still open
	raised   occasion = "raised"   // its severity has risen
	closed   occasion = "closed"
	tested   occasion = "test"
)

// notice makes what is told of an alert.
func notice(id string, a *Alert, why occasion, host string, now time.Time) Notice {
	n := Notice{ID: id, Tenant: a.Tenant, Alert: a.ID, At: now, Severity: a.Severity}
	word := string(a.Severity)
	switch why {
	case closed:
		word = "over"
	case tested:
		word = "test"
	}
	n.Subject = plain(fmt.Sprintf("[ravn %s] %s: %s", word, a.Rule, a.What))
	n.Body = text(a, why, host)
	n.Event = event(id, a, why, now)
	return n
}

// text says what, since when, how many, whose fault it is and what to do (OPS-071).
func text(a *Alert, why occasion, host string) string {
	var b strings.Builder
	line := func(name, value string) {
		if value = plain(value); value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, value)
		}
	}
	line("What:", a.What)
	switch why {
	case closed:
		line("State:", "over: it was not seen any more since "+stamp(a.Seen))
	case repeated:
		line("State:", string(a.Severity)+", still open")
	case raised:
		line("State:", string(a.Severity)+", worse than before")
	default:
		line("State:", string(a.Severity)+", "+string(why))
	}
	line("Since:", stamp(a.Opened))
	line("How many:", fmt.Sprint(a.Count))
	if why != closed && why != tested {
		line("Whose fault:", a.Blame())
		line("Next step:", a.Next())
	}
	line("Code:", string(a.Code))
	if a.Message != "" {
		fmt.Fprintf(&b, "%-12s %s (ravn documents show %s)\n", "Document:", a.Message, a.Message)
	}
	if why != closed && why != tested {
		fmt.Fprintf(&b, "%-12s %s (ravn alerts ack %s stops repeats)\n", "Alert:", a.ID, a.ID)
	}
	line("Server:", host)
	return b.String()
}

// cloudEvent is the body of a webhook.
type cloudEvent struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject,omitempty"`
	Time        string    `json:"time"`
	RavnCode    string    `json:"ravncode,omitempty"`
	ContentType string    `json:"datacontenttype"`
	Data        eventData `json:"data"`
}

type eventData struct {
	ID       string `json:"id"`
	Occasion string `json:"occasion"`
	Rule     string `json:"rule"`
	Key      string `json:"key"`
	Severity string `json:"severity"`
	Opened   string `json:"opened"`
	Seen     string `json:"last_seen"`
	Closed   string `json:"closed,omitempty"`
	Count    int64  `json:"count"`
	Text     string `json:"text"`
	Code     string `json:"code,omitempty"`
	Blame    string `json:"blame,omitempty"`
	Next     string `json:"next,omitempty"`
	Document string `json:"document,omitempty"`
}

// event is the CloudEvent of a notice (API-092).
func event(id string, a *Alert, why occasion, now time.Time) string {
	typ := "ravn.alert.opened"
	switch why {
	case closed:
		typ = "ravn.alert.closed"
	case tested:
		typ = "ravn.webhook.test"
	}
	e := cloudEvent{
		SpecVersion: "1.0", ID: id, Source: "/ravn/" + a.Tenant, Type: typ, Subject: a.Message, Time: exact(now),
		RavnCode: string(a.Code), ContentType: "application/json",
		Data: eventData{
			ID: a.ID, Occasion: string(why), Rule: string(a.Rule), Key: a.Key, Severity: string(a.Severity),
			Opened: exact(a.Opened), Seen: exact(a.Seen), Closed: exact(a.Closed), Count: a.Count, Text: a.What,
			Code: string(a.Code), Blame: a.Blame(), Next: a.Next(), Document: a.Message,
		},
	}
	b, err := json.Marshal(e)
	if err != nil { // texts and numbers only
		return "{}"
	}
	return string(b)
}

func exact(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
