package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// zoneDiffers refuses a view that was made under another time zone: its expressions would mean something else here.
func (r *resolver) zoneDiffers(d *Dataset, now session, pos sql.Pos) *sql.Fault {
	def := r.byName[d.Name]
	if def == nil || def.session.zone == nil || def.session.zone.String() == now.zone.String() {
		return nil
	}
	return &sql.Fault{Pos: pos, Message: fmt.Sprintf("view %q belongs to time zone %s, and the query to %s", d.Name, def.session.zone, now.zone),
		Hint: fmt.Sprintf("write SET TIME ZONE '%s' before the query, or read what the view reads", def.session.zone)}
}

func isFileFormat(name string) bool {
	switch strings.ToLower(name) {
	case "json", "csv", "text", "parquet", "orc", "avro", "xml", "binaryfile":
		return true
	}
	return false
}

// file is the dataset of json.`path` and its like.
func (r *resolver) file(ref *sql.TableRef, now session) (*Dataset, *sql.Fault) {
	pos := ref.Parts[0].Pos
	f := FileRef{Format: strings.ToLower(ref.Parts[0].Name), Path: ref.Parts[1].Name, Options: map[string]string{}, Zone: now.zone}
	fault := sql.Fault{Pos: pos}
	switch {
	case f.Format != "json" && f.Format != "csv" && f.Format != "text":
		fault.Message, fault.Hint = fmt.Sprintf("files of format %s are not read", f.Format), "json, csv and text are"
	case r.files == nil:
		fault.Class = "UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY"
		fault.Message = fmt.Sprintf("%s.`%s`: a query reads files only where its command line allows it", f.Format, f.Path)
		fault.Hint = "run nagare query --files FOLDER, which names the folder that they lie in"
	case ref.Stream:
		fault.Message, fault.Hint = "a file is no stream", "leave STREAM out"
	default:
		for _, o := range ref.Options {
			f.Options[strings.ToLower(o.Key)] = o.Value
		}
		d, err := r.files(f)
		if err == nil {
			return d, nil
		}
		if known, is := err.(*sql.Fault); is {
			fault = *known
			fault.Pos = pos
		} else {
			fault.Message = err.Error()
		}
	}
	return nil, &fault
}
