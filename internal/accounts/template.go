package accounts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/ravn-ap/ravn/internal/textfile"
)

// Template says which columns the tables of an export have, in their order.
type Template struct {
	DFO       []Choice `yaml:"dfo"`       // sheet Transactions and its CSV form, for DFØ
	Customers []Choice `yaml:"customers"` // sheets of the customers and their CSV form
}

// Choice is a column of a table.
type Choice struct {
	Column  string // its name
	Heading string // "" means the built-in one

	line int // of the file
}

// maxTemplate bounds the size of a template file.
const maxTemplate = 64 << 10

// builtIn is the default template, with the columns of RPT-9.2 and, for invoices, of RPT-9.5.
var builtIn = Template{
	DFO: choices(
		"period", "direction", "family", "document_type", "process", "seat", "counterpart", "sender_scheme",
		"receiver_scheme",
		"sender_country", "receiver_country", "domain", nameCount,
	),
	Customers: choices("customer_id", "customer_name", "direction", "family", "document_type", nameCount),
}

// choices are columns with their built-in headings.
func choices(names ...string) (list []Choice) {
	for _, name := range names {
		list = append(list, Choice{Column: name})
	}
	return list
}

// ParseTemplate reads a template: YAML with the keys dfo and customers, each a list of columns. One with another
// heading is written "name: heading". A table that is not there has the columns built in.
func ParseTemplate(text []byte) (*Template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("the template is larger than %d bytes", maxTemplate)
	}
	t := &Template{}
	text = textfile.Clean(text)
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(t); err != nil && !errors.Is(err, io.EOF) {
		return nil, templateError(err)
	}
	if t.DFO == nil {
		t.DFO = builtIn.DFO
	}
	if t.Customers == nil {
		t.Customers = builtIn.Customers
	}
	if err := checkChoices("dfo", t.DFO, false); err != nil {
		return nil, err
	}
	return t, checkChoices("customers", t.Customers, true)
}

// templateError shortens an error of the YAML parser to one line.
func templateError(err error) error {
	first, _, _ := strings.Cut(strings.TrimSpace(yaml.FormatError(err, false, false)), "\n")
	return errors.New(first)
}

// UnmarshalYAML reads "name" or "name: heading".
func (c *Choice) UnmarshalYAML(node ast.Node) error {
	c.line = node.GetToken().Position.Line
	var one map[string]string
	if err := yaml.NodeToValue(node, &c.Column); err == nil {
		return nil
	}
	if err := yaml.NodeToValue(node, &one); err != nil || len(one) != 1 {
		return fmt.Errorf("line %d: want a column, as name or as name: heading", c.line)
	}
	for c.Column, c.Heading = range one {
	}
	return nil
}

// checkChoices finds what is wrong with the columns of a table.
func checkChoices(table string, list []Choice, customers bool) error {
	seen := map[string]bool{}
	for _, ch := range list {
		col, ok := findColumn(ch.Column)
		switch {
		case !ok:
			return fmt.Errorf("line %d: there is no column %q; there are %s", ch.line, ch.Column,
				columnNames(customers))
		case col.customer && !customers:
			return fmt.Errorf("line %d: %s is not for %s, because it tells DFØ who the customers are; there are %s",
				ch.line, ch.Column, table, columnNames(false))
		case seen[ch.Column]:
			return fmt.Errorf("line %d: %s is in %s twice", ch.line, ch.Column, table)
		}
		seen[ch.Column] = true
	}
	if !seen[nameCount] {
		return fmt.Errorf("%s lacks the column %s", table, nameCount)
	}
	return nil
}
