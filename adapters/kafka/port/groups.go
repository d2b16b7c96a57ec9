package port

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupStates are the states of groups as the cluster writes them.
var groupStates = []string{"PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty", "Assigning", "Reconciling"}

// listGroups takes kinds and states of groups in capital and small letters alike, as Kafka does: Java's
// clients ask for "Classic" where others ask for "classic".
func listGroups(r kmsg.Request) change {
	req := r.(*kmsg.ListGroupsRequest)
	for i, kind := range req.TypesFilter {
		req.TypesFilter[i] = strings.ToLower(kind)
	}
	for i, state := range req.StatesFilter {
		if k := slices.IndexFunc(groupStates, func(s string) bool { return strings.EqualFold(s, state) }); k >= 0 {
			req.StatesFilter[i] = groupStates[k]
		}
	}
	return change{}
}
