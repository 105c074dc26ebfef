package web

import "time"

// Patience gives how long a wait parameter holds an answer back.
func Patience(text string) (time.Duration, error) { return Waiting{Wait: text}.patience() }
