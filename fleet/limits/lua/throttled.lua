-- throttled halves windows whose upstream has refused a call as one too many, at most once in a window. Arguments: the fleet, the
-- windows, for how many microseconds the upstream wants nothing.
for _, l in ipairs(cjson.decode(args[2])) do
  open(l)
  local s = l.state
  if not s.a or now - s.a >= l.w then
    s.f, s.a = math.max(1 / 8, slowed(l) / 2), now
  end
  s.u = math.max(s.u or 0, now + math.min(longest, math.max(l.w, tonumber(args[3]))))
  save(l)
end
return 1
