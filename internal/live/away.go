package live

import (
	"encoding/json"
	"fmt"
)

// What a node may have to do without, as viewers are told.
const (
	AwayDatabase = "database" // what is shown comes from memory, and nothing can be changed
	AwayBus      = "bus"      // what changed is found by looking, every 30 s
	AwayDisk     = "disk"     // all can be read, and no change can be kept: the disk is full, failed, or doesn't answer
)

// SetAway tells every viewer what this node does without from now on, and each that comes. Nothing of it is kept for those who resume:
// every stream begins with how things are.
func (h *Hub) SetAway(parts []string) {
	if parts == nil {
		parts = []string{}
	}
	body, err := json.Marshal(map[string][]string{"away": parts})
	if err != nil {
		panic(fmt.Sprintf("live: %v can't be written: %v", parts, err)) // words always can
	}
	told := "event: degraded\ndata: " + string(body) + "\n\n"
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.away.Load(); now != nil && *now == told || now == nil && len(parts) == 0 {
		return
	}
	h.away.Store(&told)
	for _, viewers := range h.viewers {
		for v := range viewers {
			v.awayChanged()
		}
	}
}
