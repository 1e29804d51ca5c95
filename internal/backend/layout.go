package backend

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Layout says which files a folder gets for a document, and their names (OPS-010).
type Layout string

// Layouts. NAME comes from the pattern of the folder.
const (
	LayoutRavn           Layout = "ravn"            // <delivery id>/document.xml and metadata.json
	LayoutFlat           Layout = "flat"            // NAME.xml and NAME.json, as phoss-ap has them
	LayoutPerTransaction Layout = "per-transaction" // NAME/sbd.xml and metadata.json, as phoss-ap has them
	LayoutOxalis         Layout = "oxalis"          // <receiver>/<sender>/<message id>.doc.xml and .receipt.dat
)

// Layouts lists the layouts.
var Layouts = []Layout{LayoutRavn, LayoutFlat, LayoutPerTransaction, LayoutOxalis}

// DefaultPattern is the name of a document where none is configured.
const DefaultPattern = "{delivery-id}"

// placeholders are what a pattern may name: those of phoss-ap, whose incoming-id is our delivery id, and delivery-id.
var placeholders = map[string]func(d *Delivery) string{
	"{datetime}":         func(d *Delivery) string { return d.Metadata.Accepted.UTC().Format("20060102150405") },
	"{delivery-id}":      func(d *Delivery) string { return d.ID },
	"{incoming-id}":      func(d *Delivery) string { return d.ID },
	"{sbdh-instance-id}": func(d *Delivery) string { return d.Metadata.InstanceID },
	"{receiver-id}":      func(d *Delivery) string { return d.Metadata.Receiver },
	"{receiver-value}":   func(d *Delivery) string { return value(d.Metadata.Receiver) },
	"{sender-id}":        func(d *Delivery) string { return d.Metadata.Sender },
	"{sender-value}":     func(d *Delivery) string { return value(d.Metadata.Sender) },
	"{doctype-id}":       func(d *Delivery) string { return d.Metadata.DocType },
	"{process-id}":       func(d *Delivery) string { return d.Metadata.Process },
}

// Placeholders lists what a pattern may name.
func Placeholders() []string { return slices.Sorted(maps.Keys(placeholders)) }

// value is an identifier without its scheme.
func value(id string) string {
	if _, v, ok := strings.Cut(id, "::"); ok {
		return v
	}
	return id
}

// longestName leaves room for endings within the 255 bytes that a name may have. A participant is shorter.
const longestName = 150

// filtered makes a text from others a part of a name (SEC-136): every character outside [A-Za-z0-9.-] becomes _, as in
// Oxalis, and so does a dot in front, which would hide the file.
func filtered(text string) string {
	b := []byte(text)
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			b[i] = '_'
		}
	}
	return string(b)
}

// fileName makes a filtered text a whole name. cut says that a part of it is missing.
func fileName(text string) (name string, cut bool) {
	if strings.HasPrefix(text, ".") {
		text = "_" + text[1:]
	}
	if text == "" {
		return "_", true
	}
	return text[:min(len(text), longestName)], len(text) > longestName
}

// own tells a name apart from those of all other deliveries. The end of a delivery id is random, its beginning is the
// time.
func own(name, id string) string {
	id = filtered(id)
	return name + "-" + id[max(0, len(id)-12):]
}

// name is the name of a document by the pattern. One that could be that of another delivery gets a part of the delivery
// id.
func (f *Folder) name(d *Delivery) string {
	text := cmp.Or(f.Pattern, DefaultPattern)
	unique := strings.Contains(text, "{delivery-id}") || strings.Contains(text, "{incoming-id}")
	for p, of := range placeholders {
		if strings.Contains(text, p) { // what stands for it has no braces
			text = strings.ReplaceAll(text, p, filtered(of(d)))
		}
	}
	name, cut := fileName(filtered(text))
	if cut || !unique {
		name = own(name, d.ID)
	}
	return name
}

// describe writes the metadata of a document whose file has this name.
func (f *Folder) describe(d *Delivery, file string) ([]byte, error) {
	var of any
	if f.Phoss {
		of = phossMetadata(&d.Metadata)
	} else {
		m := d.Metadata
		m.Payload = file
		of = m
	}
	text, err := json.MarshalIndent(of, "", "  ")
	return append(text, '\n'), err
}

// phoss are the members of phoss-ap's metadata (its InboundTransactionResponse). What we do not know is left out.
type phoss struct {
	ID              string `json:"id"`
	SenderID        string `json:"senderID"`
	ReceiverID      string `json:"receiverID"`
	DocTypeID       string `json:"docTypeID"`
	ProcessID       string `json:"processID"`
	AS4MessageID    string `json:"as4MessageID"`
	SBDHInstanceID  string `json:"sbdhInstanceID"`
	C2SeatID        string `json:"c2SeatID"`
	C3SeatID        string `json:"c3SeatID"`
	Status          string `json:"status"`
	AttemptCount    int    `json:"attemptCount"`
	ReceivedDT      string `json:"receivedDT"`
	IsDuplicateAS4  bool   `json:"isDuplicateAS4"` // never: a repeat gets its receipt and is not delivered
	IsDuplicateSBDH bool   `json:"isDuplicateSBDH"`
}

func phossMetadata(m *Metadata) phoss {
	return phoss{
		ID: m.DeliveryID, SenderID: m.Sender, ReceiverID: m.Receiver, DocTypeID: m.DocType, ProcessID: m.Process,
		AS4MessageID: m.MessageID, SBDHInstanceID: m.InstanceID, C2SeatID: m.C2, C3SeatID: m.C3, Status: "forwarding",
		AttemptCount: m.Attempt, ReceivedDT: m.Accepted.UTC().Format(time.RFC3339),
		IsDuplicateSBDH: m.PossibleDuplicate,
	}
}
