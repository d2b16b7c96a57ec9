package enginetest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestComparison(t *testing.T) {
	tests := []struct {
		name, want, got string
		differences     []string
	}{
		{"same in another order", "k,v\na,1\nb,2\n", "v,k\n2,b\n1,a\n", nil},
		{"further columns", "k,v\na,1\n", "k,v,w\na,1,9\n", nil},
		{"doubles within the tolerance", "k,v\na,1000.5\n", "k,v\na,1000.50000001\n", nil},
		{"doubles beyond it", "k,v\na,1.5\n", "k,v\na,1.50000001\n", []string{`value: k="a": v: want "1.5", got "1.50000001"`}},
		{"whole numbers", "k,v\na,100000000000000001\n", "k,v\na,100000000000000002\n",
			[]string{`value: k="a": v: want "100000000000000001", got "100000000000000002"`}},
		{"whole and fraction", "k,v\na,5\n", "k,v\na,5.0\n", nil},
		{"instants", "k,v\n2026-02-03T09:00:00Z,2026-02-03 09:00:00\n", "k,v\n2026-02-03T18:00:00+09:00,2026-02-03T09:00:00.000Z\n", nil},
		{"NULL is not the empty string", "k,v\na,\\N\nb,\n", "k,v\na,\"\"\nb,\n",
			[]string{`value: k="a": v: want NULL, got ""`, `value: k="b": v: want "", got NULL`}},
		{"NULL and the empty string as keys", "k,v\n\\N,1\n,2\n", "k,v\n\"\",2\n,1\n", nil},
		{"missing and unexpected", "k,v\na,1\n", "k,v\nb,1\n", []string{`missing: k="a" (1 rows)`, `unexpected: k="b" (1 rows)`}},
		{"twice", "k,v\na,1\n", "k,v\na,1\na,1\n", []string{`rows: k="a": want 1, got 2`}},
		{"a bag", "k,v\na,1\na,2\na,3\n", "k,v\na,3\na,1\na,4\n", []string{`value: k="a": v: want "2", got "4"`}},
		{"quotes, commas and line breaks", "k,v\na,\"x,\"\"y\"\"\r\nz\"\n", "k,v\na,\"x,\"\"y\"\"\r\nz\"\r\n", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Comparison{Keys: []string{"k"}, Tol: 1e-9, WantNull: `\N`}.Files(write(t, test.want), write(t, test.got))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.differences) {
				t.Errorf("got differences %q, want %q", got, test.differences)
			}
		})
	}
}

func TestComparisonOfEmptyAsNull(t *testing.T) {
	c := Comparison{Keys: []string{"k"}, WantNull: `\N`, EmptyNull: true}
	got, err := c.Files(write(t, "k,v\na,\\N\nb,\n"), write(t, "k,v\na,\"\"\nb,\n"))
	if err != nil || len(got) > 0 {
		t.Errorf("got %q and error %v, want neither", got, err)
	}
}

func TestComparisonRefuses(t *testing.T) {
	for _, test := range []struct{ want, got, fault string }{
		{"", "k\n", "no header"},
		{"k,v\na,1\n", "k\na\n", "no column v"},
		{"v\n1\n", "v\n1\n", "no column k"},
		{"k,v\na\n", "k,v\n", "row 2 has 1 fields, the header 2"},
		{"k,v\na,\"x\n", "k,v\n", "out of place"},
		{"k,v\na,x\"y\n", "k,v\n", "out of place"},
		{"k,v\na,\"x\"y\n", "k,v\n", "out of place"},
	} {
		_, err := Comparison{Keys: []string{"k"}}.Files(write(t, test.want), write(t, test.got))
		if err == nil || !strings.Contains(err.Error(), test.fault) {
			t.Errorf("compare %q with %q: got error %v, want one that says %q", test.want, test.got, err, test.fault)
		}
	}
}

func write(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
