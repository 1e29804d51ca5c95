package validation

// note is an error of the schema or a finding as a report shows it.
type note struct {
	Flag, Rule, Text, Location string
	Line, Column               int
	finding                    *Finding // nil for an error of the schema
}

// flagSchema is the flag of errors of the schema.
const flagSchema = "schema"

// notes lists what is said against the document: errors of the schema, fatal findings, warnings.
func (r *Report) notes() (list []note) {
	for i := range r.XSD {
		e := &r.XSD[i]
		list = append(list, note{flagSchema, e.Rule, e.Text, e.Location, e.Line, e.Column, nil})
	}
	found := r.ordered()
	for i := range found {
		f := &found[i]
		list = append(list, note{f.Flag, f.Rule, f.Text, f.Location, f.Line, f.Column, f})
	}
	return list
}

// group is the notes of one rule.
type group struct {
	Flag, Rule string
	Notes      []int // indexes of notes
}

// groups puts together the notes of each rule, in the order of their first.
func groups(list []note) (out []group) {
	at := map[[2]string]int{}
	for i, n := range list {
		key := [2]string{n.Flag, n.Rule}
		g, ok := at[key]
		if !ok {
			g = len(out)
			at[key] = g
			out = append(out, group{Flag: n.Flag, Rule: n.Rule})
		}
		out[g].Notes = append(out[g].Notes, i)
	}
	return out
}
