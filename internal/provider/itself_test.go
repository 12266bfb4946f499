package provider

// itself lets tests of every source turn its clock and its patience.
func (s *source) itself() *source { return s }
