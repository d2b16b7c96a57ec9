package codec

import "github.com/nagare-stream/nagare/engine/column"

// Unfit is the values of one place that did not fit its type and so are NULL. A place is a column, or what is
// inside it: a field of a struct, the elements of an array, the values of a map. What does not fit counts where it
// stands, not for the array or map that is NULL with it.
type Unfit struct {
	Target int         // of the decoder
	Path   string      // from the target on: "" itself, ".zip", "[].price", "{}"
	Type   column.Type // of the place
	Count  int64
	Row    int    // of the first one since Count was 0: in the newest call of Decode that had one, counted from the call's first record
	Text   []byte // its JSON text, at most unfitText bytes of it
}

const unfitText = 60

// place is where the values of a type are counted.
type place struct {
	at   int     // in typed.unfit
	kids []place // of a struct by field; of an array its elements, of a map its values
}

// place makes the places of a type.
func (t *typed) place(typ column.Type, path string, target int) place {
	p := place{at: len(t.unfit)}
	t.unfit = append(t.unfit, Unfit{Target: target, Path: path, Type: typ})
	switch typ.Kind {
	case column.Struct:
		for _, f := range typ.Fields {
			p.kids = append(p.kids, t.place(f.Type, path+"."+f.Name, target))
		}
	case column.Array:
		p.kids = []place{t.place(*typ.Elem, path+"[]", target)}
	case column.Map:
		p.kids = []place{t.place(*typ.Elem, path+"{}", target)}
	}
	return p
}

// kid is a place inside p; nil where nothing is counted.
func (p *place) kid(i int) *place {
	if p == nil {
		return nil
	}
	return &p.kids[i]
}

// note counts a value that did not fit. Its memory is used again.
func (t *typed) note(p *place, row int, text []byte) {
	if p == nil {
		return
	}
	t.missed = true
	u := &t.unfit[p.at]
	if u.Count++; u.Count == 1 {
		u.Row, u.Text = row, append(u.Text[:0], text[:min(len(text), unfitText)]...)
	}
}

// Unfit returns by place what did not fit since the counts were last set to 0; texts of try_to_timestamp are not
// looked at.
func (d *JSON) Unfit() []Unfit { return d.values.unfit }
