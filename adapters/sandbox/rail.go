package sandbox

import "net/http"

func newRail(*core) http.Handler { return notYet() }
