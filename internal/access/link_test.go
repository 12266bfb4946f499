package access

import (
	"slices"
	"testing"
)

// A link shows what its level says, and opens nothing else, at whatever level.
func TestLinksShowWhatTheySay(t *testing.T) {
	for i, level := range levels {
		shown := map[Action]bool{ReadByLink: i >= slices.Index(levels[:], LevelPercentages), ReadAmountsByLink: i >= slices.Index(levels[:], LevelView)}
		for _, action := range append(Actions(), "no.such.action") {
			if want := shown[action] || Open(action); MayByLink(level, action).Allowed != want {
				t.Errorf("a link of level %q and %s: want %v", level, action, want)
			}
		}
	}
}
