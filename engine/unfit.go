package engine

import "strconv"

// noteUnfit books the values of the step that did not fit their columns.
func (t *task) noteUnfit(from int) {
	if t.scan.json == nil {
		return
	}
	unfit := t.scan.json.Unfit()
	for i := range unfit {
		u := &unfit[i]
		if u.Count == 0 {
			continue
		}
		f := t.flow.columns[i].field
		key := f.Name + " " + f.Type.String()
		if t.unfit == nil {
			t.unfit = map[string]UnfitValues{}
		}
		sum, known := t.unfit[key]
		if !known {
			sum = UnfitValues{Type: f.Type.String(), Sample: string(u.Text), Partition: t.partition, Offset: t.records.Offsets[from+u.Row]}
		}
		sum.Count += u.Count
		t.unfit[key] = sum
		u.Count = 0
	}
}

// unfitOf adds what a task found to a ledger. A field that is read as several types stands there by type.
func (l *Ledger) unfitOf(t *task) {
	for i := range t.flow.targets {
		f := t.flow.columns[i].field
		found, ok := t.unfit[f.Name+" "+f.Type.String()]
		if !ok || t.flow.targets[i].FromString {
			continue
		}
		if l.Unfit == nil {
			l.Unfit = map[string]map[string]UnfitValues{}
		}
		if l.Unfit[t.topic] == nil {
			l.Unfit[t.topic] = map[string]UnfitValues{}
		}
		name := f.Name
		for n := 2; l.Unfit[t.topic][name].Count > 0 && l.Unfit[t.topic][name].Type != found.Type; n++ {
			name = f.Name + "#" + strconv.Itoa(n)
		}
		if sum := l.Unfit[t.topic][name]; sum.Count > 0 {
			sum.Count += found.Count
			found = sum
		}
		l.Unfit[t.topic][name] = found
	}
}
