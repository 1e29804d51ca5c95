package validation

// relevel gives findings the flags that a pack gives to their rules instead of those in the rule files. A rule that
// could not be evaluated keeps its own, and so do findings beyond those that are listed.
func (r *Report) relevel(levels map[string]string) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if flag := levels[f.Rule]; flag != "" && f.Code == "" {
			f.Flag = flag
		}
	}
}
