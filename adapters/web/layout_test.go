package web

import (
	"math/rand/v2"
	"testing"
)

// TestLayoutHolds: in random graphs no two boxes overlap, each link runs to the right and ends at its boxes, and the
// same graph gives the same drawing.
func TestLayoutHolds(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(30)
		sizes, links := make([][2]float64, n), [][2]int(nil)
		for i := range sizes {
			sizes[i] = [2]float64{100 + float64(r.IntN(100)), 40}
			for j := range i {
				if r.IntN(6) == 0 {
					links = append(links, [2]int{j, i})
				}
			}
		}
		d, again := layOut(sizes, links), layOut(sizes, links)
		width, height := d.size()
		for i := range n {
			a := d.points[i]
			if a.x != again.points[i].x || a.y != again.points[i].y {
				t.Fatalf("seed %d: box %d moves", seed, i)
			}
			if a.x < 0 || a.y-a.height/2 < 0 || a.x+a.width > width || a.y+a.height/2 > height {
				t.Fatalf("seed %d: box %d lies outside", seed, i)
			}
			for j := range i {
				b := d.points[j]
				if a.x < b.x+b.width && b.x < a.x+a.width && a.y-a.height/2 < b.y+b.height/2-0.01 && b.y-b.height/2 < a.y+a.height/2-0.01 {
					t.Fatalf("seed %d: boxes %d and %d overlap: %+v %+v", seed, i, j, a, b)
				}
			}
		}
		for i, l := range links {
			if d.points[l[0]].x+d.points[l[0]].width >= d.points[l[1]].x || d.path(i) == "" {
				t.Fatalf("seed %d: link %v does not run to the right", seed, l)
			}
		}
	}
}

// TestLayoutUncrosses: three boxes linked the other way round to three others cross nowhere.
func TestLayoutUncrosses(t *testing.T) {
	size := [2]float64{100, 40}
	d := layOut([][2]float64{size, size, size, size, size, size}, [][2]int{{0, 5}, {1, 4}, {2, 3}})
	if n := d.crossings(); n != 0 {
		t.Errorf("%d crossings", n)
	}
	for i := range 3 {
		if a, b := d.points[i].y, d.points[5-i].y; a != b {
			t.Errorf("the line of box %d is not straight: %.1f, %.1f", i, a, b)
		}
	}
}

// TestLayoutOfACycle ends, without the link that closes it.
func TestLayoutOfACycle(t *testing.T) {
	size := [2]float64{100, 40}
	d := layOut([][2]float64{size, size}, [][2]int{{0, 1}, {1, 0}})
	if (d.path(0) == "") == (d.path(1) == "") {
		t.Errorf("links are %q, %q", d.path(0), d.path(1))
	}
}
