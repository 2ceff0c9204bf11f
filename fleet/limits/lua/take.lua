-- take: from all limits or from none. Arguments: the fleet; the limits; the caller; for how many microseconds it may wait; and in the queue of
-- which limit it holds its member's entry (0: of none); reports of some of the limits, in their order, or nothing.
-- Answer: what, which limit held it back, for how long (or when it was granted), whether the entry is the asker's, microseconds between calls
-- of this caller; then of each limit: whether it is a shadow limit that would have refused, millionths of calls left, microseconds until
-- it is full, and what a member remembers of it.
local granted, waiting, refused, period = 0, 1, 2, 3
local latest, grace = 1000000, 250000 -- microseconds until a waiting call asks again, and for which its entry stays fresh beyond
local full = 1e18 -- a calendar without room holds back more than any wait

local limits, caller, most, held = cjson.decode(args[2]), args[3], tonumber(args[4]), tonumber(args[5])
local reports = args[6] ~= '' and cjson.decode(args[6]) or {}

-- after returns when the call can go by a limit, and what that weighs.
local function after(l, mine)
  if l.t == 'calendar' then
    local wait = l.is.after(l, 1)
    return wait, wait > 0 and full or 0
  end
  local wait = l.is.after(l, 1 + (l.x and 0 or ahead(l, caller, mine)))
  return wait, wait
end

for i, l in ipairs(limits) do
  if open(l) == 'period' then return {period, i, now} end
end
local slowest, delay, worst = 0, 0, 0
for i, l in ipairs(limits) do
  if reports[i] then
    l.is.report(l, reports[i])
    l.changed = true
  end
  local wait, weight = after(l, held == i)
  if l.x then
    l.over = wait > 0
  elseif weight > worst then
    slowest, delay, worst = i, wait, weight
  end
end

local what, mine, pace = refused, 0, 0
if slowest == 0 then
  what, delay = granted, now
  for _, l in ipairs(limits) do
    if not l.over then
      l.is.take(l, 1)
      served(l, caller)
    end
    l.changed = true
  end
elseif worst < full and delay <= most then
  what = waiting
  if held > 0 and held ~= slowest then
    leave(limits[held], caller)
    limits[held].changed = true
  end
  local l = limits[slowest]
  local turns
  mine, turns = register(l, caller, now + math.min(delay, latest) + grace)
  pace, l.changed = l.is.pace(l) * turns, true
end

local answer = {what, slowest, delay, mine, pace}
for _, l in ipairs(limits) do
  if l.changed then save(l) end
  local one, two = l.is.seen(l)
  for _, number in ipairs({l.over and 1 or 0, math.floor((l.is.left(l) - (l.waiting or 0)) * 1e6), l.is.full(l), one, two}) do
    answer[#answer + 1] = number
  end
end
return answer
