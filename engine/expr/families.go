package expr

import (
	"strings"
	"sync"
)

// functionTable is every function by each of its names. It is built on first use, since checks call
// other functions by name, and not changed then.
func functionTable() map[string]*function {
	buildOnce.Do(func() { builtTable = buildTable() })
	return builtTable
}

var (
	buildOnce  sync.Once
	builtTable map[string]*function
)

func buildTable() map[string]*function {
	table := map[string]*function{}
	families := [][]function{
		arithmetic(), comparisons(), logic(), conditionals(), roundings(), mathematics(), bitwise(),
		texts(), searches(), patternsOfText(), hashes(), encodings(), formats(),
		timeFields(), timeSums(), timeCuts(), timeConversions(),
		castFunctions(), structures(), jsonFunctions(), windows(),
		arrays(), arrayPlaces(), sequences(), maps(), higherOrder(), binaries(),
		customerModels(),
	}
	for _, family := range families {
		for i := range family {
			fn := &family[i]
			for _, name := range append([]string{fn.name}, strings.Fields(fn.also)...) {
				if table[name] != nil {
					panic("BUG: two functions are called " + name)
				}
				table[name] = fn
			}
		}
	}
	return table
}

// lookup finds a function by its name in lower case.
func lookup(name string) *function { return functionTable()[name] }
