package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A drawing is a directed graph without cycles on its way to coordinates, in pixels. Edges run from left to right,
// a layer to each step of the longest path; one that passes over layers has a bend in each of them.
type drawing struct {
	points []point // boxes first, as they were given; then the bends
	links  [][2]int
	routes [][]int // by link: the points that it runs through
	layers [][]int // points by layer, from the top down
}

type point struct {
	width, height float64
	x, y          float64 // of the middle of the left side
	layer         int
	before, after []int
}

// Distances in a drawing, in pixels.
const (
	layerGap   = 56.0
	boxGap     = 14.0
	bendHeight = 6.0
	margin     = 12.0
	sweeps     = 12 // over all layers, to have fewer crossings and straighter lines
)

// layOut places boxes of the given sizes, linked from left to right. A link that closes a cycle is left out.
func layOut(sizes [][2]float64, links [][2]int) *drawing {
	d := &drawing{links: links, routes: make([][]int, len(links))}
	for _, s := range sizes {
		d.points = append(d.points, point{width: s[0], height: s[1]})
	}
	d.rank()
	d.bend()
	d.order()
	d.place()
	return d
}

// rank gives each box the length of the longest path to it.
func (d *drawing) rank() {
	next := make([][]int, len(d.points))
	for _, l := range d.links {
		next[l[0]] = append(next[l[0]], l[1])
	}
	for range d.points { // a path has at most as many steps as there are boxes
		changed := false
		for from := range next {
			for _, to := range next[from] {
				if d.points[to].layer <= d.points[from].layer && d.points[from].layer+1 < len(d.points) {
					d.points[to].layer, changed = d.points[from].layer+1, true
				}
			}
		}
		if !changed {
			break
		}
	}
	for from := range next { // a source stands beside what reads it first
		if len(next[from]) == 0 || slices.ContainsFunc(d.links, func(l [2]int) bool { return l[1] == from }) {
			continue
		}
		nearest := len(d.points)
		for _, to := range next[from] {
			nearest = min(nearest, d.points[to].layer)
		}
		d.points[from].layer = max(0, nearest-1)
	}
}

// bend cuts links into pieces of one layer each.
func (d *drawing) bend() {
	for i, l := range d.links {
		from, to := l[0], l[1]
		if d.points[to].layer <= d.points[from].layer {
			continue // it closes a cycle
		}
		d.routes[i] = []int{from}
		at := from
		for layer := d.points[from].layer + 1; layer < d.points[to].layer; layer++ {
			d.points = append(d.points, point{height: bendHeight, layer: layer})
			d.join(at, len(d.points)-1)
			at = len(d.points) - 1
			d.routes[i] = append(d.routes[i], at)
		}
		d.join(at, to)
		d.routes[i] = append(d.routes[i], to)
	}
	for i := range d.points {
		for len(d.layers) <= d.points[i].layer {
			d.layers = append(d.layers, nil)
		}
		d.layers[d.points[i].layer] = append(d.layers[d.points[i].layer], i)
	}
}

func (d *drawing) join(from, to int) {
	d.points[from].after = append(d.points[from].after, to)
	d.points[to].before = append(d.points[to].before, from)
}

// order sorts each layer by the middle of what its points are linked to, forth and back, and keeps the order with
// the fewest crossings.
func (d *drawing) order() {
	best, fewest := d.copyLayers(), d.crossings()
	for sweep := 0; sweep < sweeps && fewest > 0; sweep++ {
		place := d.places()
		for i := range d.layers {
			layer := d.layers[i]
			if sweep%2 == 1 {
				layer = d.layers[len(d.layers)-1-i]
			}
			middle := map[int]float64{}
			for _, p := range layer {
				near := d.points[p].before
				if sweep%2 == 1 {
					near = d.points[p].after
				}
				middle[p] = float64(place[p])
				if len(near) > 0 {
					sum := 0.0
					for _, n := range near {
						sum += float64(place[n])
					}
					middle[p] = sum / float64(len(near))
				}
			}
			slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(middle[a], middle[b]) })
			for at, p := range layer {
				place[p] = at
			}
		}
		if n := d.crossings(); n < fewest {
			best, fewest = d.copyLayers(), n
		}
	}
	d.layers = best
}

func (d *drawing) copyLayers() [][]int {
	c := make([][]int, len(d.layers))
	for i := range d.layers {
		c[i] = slices.Clone(d.layers[i])
	}
	return c
}

func (d *drawing) places() []int {
	place := make([]int, len(d.points))
	for _, layer := range d.layers {
		for at, p := range layer {
			place[p] = at
		}
	}
	return place
}

// crossings counts the pairs of links between neighbouring layers that cross.
func (d *drawing) crossings() (n int) {
	place := d.places()
	for _, layer := range d.layers {
		var ends []int // where the links of the layer end, in order of where they begin
		for _, p := range layer {
			mine := make([]int, 0, len(d.points[p].after))
			for _, to := range d.points[p].after {
				mine = append(mine, place[to])
			}
			slices.Sort(mine)
			for _, end := range mine {
				for _, before := range ends {
					if before > end {
						n++
					}
				}
			}
			ends = append(ends, mine...)
		}
	}
	return n
}

// place gives coordinates: each layer a column, its points as near to the middle of what they are linked to as their
// order and the gaps between them allow.
func (d *drawing) place() {
	x := margin
	for _, layer := range d.layers {
		widest, y := 0.0, 0.0
		for _, p := range layer {
			widest = max(widest, d.points[p].width)
			d.points[p].x, d.points[p].y = x, y+d.points[p].height/2
			y += d.points[p].height + boxGap
		}
		for _, p := range layer {
			if d.points[p].width == 0 {
				d.points[p].width = widest // a line runs through the whole column
			}
		}
		x += widest + layerGap
	}
	for sweep := range sweeps {
		for i := range d.layers {
			layer := d.layers[i]
			if sweep%2 == 1 {
				layer = d.layers[len(d.layers)-1-i]
			}
			d.pull(layer)
		}
	}
	top := 0.0
	for i := range d.points {
		top = min(top, d.points[i].y-d.points[i].height/2)
	}
	for i := range d.points {
		d.points[i].y += margin - top
	}
}

// pull moves the points of a layer towards those that they are linked to. It is the least sum of squared distances
// for the order that there is: points that would overlap move as one block.
func (d *drawing) pull(layer []int) {
	type block struct {
		sum   float64 // of wished offsets from the block's start
		count int
		first int
	}
	start := make([]float64, len(layer)) // the least distance of each point from the layer's first
	for i := 1; i < len(layer); i++ {
		start[i] = start[i-1] + d.points[layer[i-1]].height/2 + boxGap + d.points[layer[i]].height/2
	}
	var blocks []block
	for i, p := range layer {
		wish, n := 0.0, 0
		for _, near := range [2][]int{d.points[p].before, d.points[p].after} {
			for _, q := range near {
				wish += d.points[q].y
				n++
			}
		}
		if n == 0 {
			wish, n = d.points[p].y, 1
		}
		blocks = append(blocks, block{wish/float64(n) - start[i], 1, i})
		for len(blocks) > 1 {
			a, b := blocks[len(blocks)-2], blocks[len(blocks)-1]
			if a.sum/float64(a.count) <= b.sum/float64(b.count) {
				break
			}
			blocks = append(blocks[:len(blocks)-2], block{a.sum + b.sum, a.count + b.count, a.first})
		}
	}
	for _, b := range blocks {
		for i := b.first; i < b.first+b.count; i++ {
			d.points[layer[i]].y = b.sum/float64(b.count) + start[i]
		}
	}
}

// size is the width and height of the whole.
func (d *drawing) size() (width, height float64) {
	for i := range d.points {
		p := &d.points[i]
		width, height = max(width, p.x+p.width), max(height, p.y+p.height/2)
	}
	return width + margin, height + margin
}

// path is a link as the path of an SVG; "" for one that is left out.
func (d *drawing) path(link int) string {
	route := d.routes[link]
	if len(route) == 0 {
		return ""
	}
	var b strings.Builder
	for i, at := range route {
		p := &d.points[at]
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%.1f %.1f", p.x+p.width, p.y)
			continue
		default:
			last := &d.points[route[i-1]]
			from := last.x + last.width
			middle := (from + p.x) / 2
			fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", middle, last.y, middle, p.y, p.x, p.y)
		}
		if i < len(route)-1 {
			fmt.Fprintf(&b, "H%.1f", p.x+p.width)
		}
	}
	return b.String()
}
