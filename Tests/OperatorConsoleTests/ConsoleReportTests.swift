import Telemetry
import Testing

@testable import OperatorConsole

@Suite struct ConsoleReportTests {
  private func line(
    _ question: ConsoleLine.Question, of situation: EngineSituation = .well, _ change: (inout ConsoleFacts) -> Void = { _ in }
  ) -> ConsoleLine {
    var facts = situation.facts
    change(&facts)
    return ConsoleReport(facts).line(question)
  }

  @Test func aHealthyEngineHasNothingToMend() {
    let lines = ConsoleReport(EngineSituation.well.facts).lines
    #expect(lines.map(\.question) == ConsoleLine.Question.allCases)
    for line in lines {
      #expect(line.level == .ok, "\(line)")
      #expect(line.fix == nil, "\(line)")
    }
  }

  @Test(arguments: EngineSituation.allCases) func everyLineIsASentenceAndEveryProblemNamesItsFix(situation: EngineSituation) {
    for line in ConsoleReport(situation.facts).lines {
      #expect(line.text.hasSuffix(".") || line.text.hasSuffix("!"), "\(line)")
      #expect(line.text.first.map { $0.isUppercase || $0.isNumber } ?? false, "\(line)")
      #expect(line.fix.map { $0.hasSuffix(".") } ?? true, "\(line)")
      if line.level == .bad { #expect(line.fix != nil, "\(line)") }
      if line.level == .unknown { #expect(line.fix == nil || line.question == .arrives, "\(line)") }
      #expect(!line.text.contains("nil") && !line.text.contains("Optional"), "\(line)")
    }
  }

  /// Which lines are not green, by situation.
  @Test(
    arguments: [
      (EngineSituation.well, [:]),
      (.holding, [.works: .bad]),
      (.lagging, [.works: .bad, .behind: .bad, .fresh: .warning]),
      (.silent, [.arrives: .warning, .fresh: .unknown]),
      (.refusing, [.refused: .bad]),
      (.training, [:]),
      (.refused, [.training: .warning]),
      (.redisFull, [.redis: .bad]),
      (.memoryHigh, [.memory: .warning]),
      (.fresh, [.works: .warning, .model: .warning, .good: .unknown]),
      (.redisAway, [.works: .bad, .redis: .unknown]),
      (.stopped, [.works: .bad]),
      (
        .starting,
        [
          .works: .warning, .behind: .unknown, .fresh: .unknown, .arrives: .unknown, .good: .unknown, .model: .unknown, .redis: .unknown,
          .memory: .unknown,
        ]
      ),
    ] as [(EngineSituation, [ConsoleLine.Question: ConsoleLine.Level])])
  func onlyTheLinesOfTheProblemAreNotGreen(situation: EngineSituation, levels: [ConsoleLine.Question: ConsoleLine.Level]) {
    for line in ConsoleReport(situation.facts).lines { #expect(line.level == levels[line.question] ?? .ok, "\(line)") }
  }

  // MARK: Does it work?

  @Test func causeAndFixAreApart() {
    let holding = line(.works, of: .holding)
    #expect(holding.text == "Not publishing: this engine holds 4 of 8 partitions and publishes nothing.")
    #expect(holding.fix == "Another member of the consumer group has the rest; stop it.")
    #expect(line(.works, of: .redisAway).fix?.contains("redis.url") == true)
  }

  @Test func aStartTurnsRedWhenItLasts() {
    #expect(line(.works, of: .starting).level == .warning)
    #expect(line(.works, of: .starting) { $0.uptimeSeconds = 61 }.level == .bad)
    #expect(line(.works, of: .starting) { $0.hasBeenReady = true }.level == .bad)
  }

  @Test func aReplayAtTheStartIsNoFaultHoweverLongItTakes() {
    let replay = line(.works) {
      $0.hasBeenReady = false
      $0.uptimeSeconds = 900
      $0.problems = [.init("replay", isInTheWay: true, "records of before the restart are being replayed")]
    }
    #expect(replay.level == .warning)
  }

  @Test func warningsDoNotChangeTheFirstLine() {
    #expect(line(.works) { $0.problems = [.init("snapshots", isInTheWay: false, "x")] }.level == .ok)
  }

  @Test func aLoopThatStandsStillIsRed() {
    #expect(line(.works) { $0.loopAgeSeconds = 12 }.level == .bad)
    #expect(line(.works) { $0.loopAgeSeconds = 12 }.text.contains("12 s"))
    #expect(line(.behind) { $0.loopAgeSeconds = 12 }.level == .unknown)
  }

  @Test func memoryThatStopsTheReadingIsRed() {
    #expect(line(.works) { $0.memory.isPaused = true }.level == .bad)
    #expect(line(.memory) { $0.memory.isPaused = true }.level == .bad)
  }

  // MARK: Stream

  @Test func aLagThatFallsNeedsNobodyUntilItIsLarge() {
    func behind(_ seconds: Double?, _ trend: ConsoleHistory.Trend) -> ConsoleLine {
      line(.behind) {
        $0.stream.lagSeconds = seconds
        $0.stream.trend = trend
      }
    }
    #expect(behind(nil, .steady).level == .unknown)
    #expect(behind(0, .steady).text == "Nothing waits to be read.")
    #expect(behind(3, .falling).level == .ok)
    #expect(behind(3, .rising).level == .warning)
    #expect(behind(11, .falling).level == .bad)
    #expect(behind(11, .falling).fix?.contains("catching up") == true)
    #expect(behind(11, .rising).fix?.contains("foldin.workers") == true)
    #expect(behind(0.4, .steady).text == "0.4 s, 312 records, steady; furthest behind is events[3] with 200.")
  }

  @Test func slowListsAreYellow() {
    #expect(
      line(.fresh).text == "Event to list: 1.8 ms for half of the events, 6.4 ms for 99 of 100. At worst 31 ms in the last 15 minutes.")
    #expect(line(.fresh) { $0.latency.mostMilliseconds = 1200 }.level == .warning)
  }

  @Test func silenceIsComparedWithAnHourAgo() {
    #expect(line(.arrives).text == "812 a second; an hour ago it was 640 a second.")
    let silent = line(.arrives, of: .silent)
    #expect(silent.text == "Nothing now; the newest event is 21 min old, and an hour ago it was 640 a second.")
    #expect(silent.fix?.contains("`events`") == true)
    #expect(line(.arrives, of: .silent) { $0.stream.lastEventAgeSeconds = 200 }.level == .ok)
    #expect(line(.arrives, of: .silent) { $0.stream.events = 0 }.level == .warning)
  }

  @Test func aTypeWithoutAWeightIsNamed() {
    let types = line(.arrives) {
      $0.problems = [.init("types", isInTheWay: false, "12000 of 12100 records were ignored: type \"like\" has no weight")]
    }
    #expect(types.level == .warning && types.text.contains("like") && types.fix?.contains("input.weights") == true)
  }

  @Test func refusalsAreSharedOutByReason() {
    let all = line(.refused, of: .refusing)
    #expect(
      all.text.hasPrefix(
        "11,812 of 12,000 records in the last 5 minutes, 98 %: missing_user 11,800, not_json 12. Newest example: events[2]") == true)
    #expect(all.level == .bad)
    #expect(line(.refused, of: .refusing) { $0.records.recent = 240_000 }.level == .warning)
    #expect(line(.refused, of: .refusing) { $0.records.recent = 2_400_000 }.level == .ok)
    #expect(line(.refused) { $0.problems = [.init("keys", isInTheWay: false, "k")] }.level == .warning)
    #expect(line(.refused) { $0.problems = [.init("dead_letters", isInTheWay: true, "d")] }.level == .bad)
    #expect(line(.refused) { $0.records.rejectedSinceStart = 3 }.text == "Nothing in the last 5 minutes; 3 since the start.")
  }

  // MARK: Model

  @Test func theListsThatStoodAreJudgedBeforeTheModelIs() {
    let live = line(.good) {
      $0.model.live = .init(events: 1234, hits: 0.22, popularHits: 0.09)
      $0.model.liveBefore = .init(events: 5000, hits: 0.21)
      $0.model.clickThrough = 0.031
      $0.model.shadow = "nothing is compared yet"
    }
    #expect(live.level == .ok)
    #expect(
      live.text
        == "Of the items that users first used in the last 24 hours, 22 % were among the first 10 recommended to them; the popular items alone "
        + "had 9.0 %, the day before 21 %. Judged on 1,234 events of sampled users. Of the items seen in answers, 3.1 % were used. "
        + "Shadow model: nothing is compared yet.")
    #expect(line(.good) { $0.model.live = .init(events: 99, hits: 0.22) }.text.contains("newest actions"))
    let below = line(.good) { $0.model.live = .init(events: 500, hits: 0.02, popularHits: 0.09) }
    #expect(below.level == .warning && below.fix?.contains("input.weights") == true)
    let fallen = line(.good) {
      $0.model.live = .init(events: 2000, hits: 0.15, popularHits: 0.09)
      $0.model.liveBefore = .init(events: 2000, hits: 0.22)
    }
    #expect(fallen.level == .warning && fallen.fix?.contains("models rollback") == true)
  }

  @Test func aWorseModelIsYellow() {
    #expect(line(.good) { $0.model.recall = 0.1 }.level == .warning)
    #expect(line(.good) { $0.model.recallBefore = nil }.level == .ok)
    #expect(line(.good) { $0.model.recall = nil }.level == .unknown)
    #expect(line(.good) { $0.model.recallEpoch = 7 }.text.hasSuffix("the model before had 13 %."))
    #expect(line(.good) { $0.model.recallEpoch = 6 }.text.hasSuffix("That was epoch 6; later there were too few new events to compare."))
  }

  @Test func theModelSaysSinceWhenAndWhy() {
    #expect(line(.model).text.hasPrefix("Epoch 7, trained 3 h ago (61,204 interactions since the last training)."))
    #expect(line(.model) { $0.model.hiddenItems = 12 }.text.contains("41,020 items (12 left out of lists), 38,100,200 pairs."))
    let churned = line(.model) { $0.model.churn = 0.31 }
    #expect(churned.text.contains("which changed 31 % of the items in lists"))
    let back = line(.model) { $0.model.rolledBackTo = 5 }
    #expect(back.level == .warning)
    #expect(back.text.contains("rolled back to epoch 5") && back.fix?.contains("--resume") == true)
    #expect(line(.model, of: .fresh).text == "None yet. First model: 312 of 1000 pairs.")
    #expect(line(.model, of: .fresh) { $0.stream.events = 0 }.level == .unknown)
  }

  @Test func aTrainingWithoutProgressIsStuck() {
    let running = line(.training, of: .training)
    #expect(running.text == "Training: fitting the factors, 42 %, about 12 s left; the last took 19 s.")
    #expect(line(.training, of: .training) { $0.training.unchangedSeconds = 301 }.level == .warning)
    // What is left when all is computed cannot be told from the ratio.
    #expect(line(.training, of: .training) { $0.training.ratio = 1 }.text == "Training: fitting the factors, 100 %; the last took 19 s.")
    // As long as the last one took as a whole, a phase may stand still.
    #expect(
      line(.training, of: .training) {
        $0.training.unchangedSeconds = 301
        $0.training.last?.seconds = 1000
      }.level == .ok)
  }

  @Test func trainingsThatEndedBadlySayWhy() {
    let refused = line(.training, of: .refused)
    #expect(
      refused.text.contains("recall@20 would fall") && refused.text.contains("stays in use")
        && refused.fix?.contains("max_quality_drop") == true)
    #expect(line(.training) { $0.training.last?.outcome = .failed }.level == .warning)
    #expect(line(.training) { $0.training.last?.outcome = .cancelled }.level == .ok)
    #expect(line(.training) { $0.training.last = nil }.level == .ok)
  }

  @Test func aCrashCostsWhatTheSnapshotLacks() {
    #expect(line(.crash).text == "The last snapshot is 40 s old; a restart reads 12,000 records again, about 1 s.")
    #expect(line(.crash) { $0.snapshot.ageSeconds = 400 }.level == .warning)
    #expect(
      line(.crash) {
        $0.snapshot.ageSeconds = 4000
        $0.snapshot.recordsBehind = 0
      }.level == .ok)
    #expect(line(.crash) { $0.snapshot.problem = "No space left on device" }.level == .bad)
    #expect(line(.crash) { $0.snapshot.recordsBehind = nil }.level == .warning)
    #expect(line(.crash, of: .fresh).level == .ok)
  }

  // MARK: Resources

  @Test func redisIsJudgedByItsLimitItsGrowthAndItsPolicy() {
    func redis(_ used: Int, _ limit: Int, _ policy: String = "noeviction", _ perDay: Double? = nil) -> ConsoleLine {
      line(.redis) { $0.redis = .known(.init(usedBytes: used, limitBytes: limit, policy: policy, users: 10, bytesPerDay: perDay)) }
    }
    #expect(redis(50, 0).level == .ok)
    #expect(redis(79, 100).level == .ok)
    #expect(redis(80, 100).level == .warning)
    #expect(redis(95, 100).level == .bad)
    #expect(redis(10, 100, "noeviction", 31).level == .warning)
    #expect(redis(10, 100, "noeviction", 10).text.contains("full in 9 days"))
    #expect(redis(10, 100, "volatile-lfu").level == .ok)
    #expect(redis(10, 100, "allkeys-lru").level == .warning)
    #expect(redis(10, 100, "allkeys-lru").fix?.contains("noeviction") == true)
    #expect(redis(96, 100, "allkeys-lru").fix?.contains("maxmemory") == true)
    #expect(line(.redis, of: .redisAway).text.contains("Connection refused"))
  }

  @Test func memoryIsJudgedByItsLimit() {
    #expect(line(.memory, of: .memoryHigh).text.contains("(91 %, limits.max_rss)"))
    #expect(line(.memory) { $0.memory.residentBytes = 15_900_000_000 }.level == .bad)
    #expect(line(.memory) { $0.memory.residentBytes = nil }.level == .unknown)
    #expect(line(.memory) { $0.memory.limit = nil }.level == .ok)
    // Largest part first.
    #expect(line(.memory).text.contains("interactions 610 MB, factors 330 MB, users 320 MB, items 4.0 MB"))
  }

  @Test func whatTheEngineDoesByItselfIsNobodysChange() {
    #expect(line(.changed).text == "A retrain was requested over HTTP, 12 min ago.")
    #expect(line(.changed) { $0.activity.removeFirst() }.text == "Nobody has changed anything since the start 26 h ago.")
  }

  @Test func secretsInProblemsAreMasked() {
    let line = line(.works) { $0.problems = [.init("redis", isInTheWay: true, "redis://u:CANARY@h does not answer")] }
    #expect(!line.text.contains("CANARY"))
  }
}
