#!lua
-- KEYS: the epoch's record, this member's row.
-- ARGV: epoch, connection, number of the question, number of the last one that counted ("" if this one does not count), arguments.
local base = string.sub(KEYS[1], 1, -6)
local member = string.sub(KEYS[2], #base + 8)
local args = {unpack(ARGV, 5)}

local function key(name) return base .. name end

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

if redis.call('HGET', KEYS[1], 'number') ~= ARGV[1] then return redis.error_reply('EPOCH ' .. ARGV[3]) end
local row = redis.call('HMGET', KEYS[2], 'connection', 'counted')
if row[1] ~= ARGV[2] then return redis.error_reply('FENCED ' .. ARGV[3]) end
if ARGV[4] ~= '' and row[2] ~= ARGV[4] then return redis.error_reply('ORDER ' .. ARGV[3]) end

local function finish(body)
  local ok, reply = pcall(body)
  if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'counted', ARGV[3]) end
  if not ok then
    if type(reply) == 'table' then reply = reply.err end
    return redis.error_reply('FAILED ' .. ARGV[3] .. ' ' .. string.gsub(tostring(reply), '[\r\n]', ' '))
  end
  if reply == nil then reply = false end
  return {ARGV[3], reply}
end

