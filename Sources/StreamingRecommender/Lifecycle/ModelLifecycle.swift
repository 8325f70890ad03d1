/// Where every epoch is on its way from a training to the readers. It alone issues epoch numbers; the loop, the planner, the engine and
/// the snapshots ask it.
///
/// A value: events go in, actions that the owner must carry out come back.
///
///     none -> training -> awaiting durability -> publishing (item vectors, pointer, every user) -> none
public struct ModelLifecycle: Sendable, Equatable {
  /// The job that makes the next model.
  public enum Job: Sendable, Equatable {
    case none
    case training(id: String)
    /// Trained and adopted; no reader sees the epoch before a durable snapshot holds it.
    case awaitingDurability(id: String, epoch: UInt32)
    /// On its way to the readers; done when every user has a list of the epoch.
    case publishing(id: String, epoch: UInt32)
  }

  public enum Action: Sendable, Equatable {
    /// A snapshot must be written now.
    case requestSnapshot
    /// The live or the pending model has another number from now on.
    case renumberLive(UInt32)
    case renumberPending(UInt32)
    /// Lists that were submitted under this epoch do not count: every user is due again.
    case forgetSubmittedLists
    /// The pointer names the job's epoch now; users follow.
    case pointerMoved(job: String, epoch: UInt32)
    /// Every user has a list of the job's epoch.
    case jobDone(job: String, epoch: UInt32)
  }

  /// What a view tells when it is connected.
  public struct View: Sendable, Equatable {
    /// Whose pointer it holds; `nil`: none.
    public var epoch: UInt32?
    /// What was published before is not there any more, beyond single users.
    public var isLost: Bool
    /// Lists may be older than the state.
    public var isBehind: Bool
    /// What a roll-out writes after the users' lists (similar items, removals) is missing in part.
    public var hasLostTail = false

    public init(epoch: UInt32?, isLost: Bool, isBehind: Bool, hasLostTail: Bool = false) {
      self.epoch = epoch
      self.isLost = isLost
      self.isBehind = isBehind
      self.hasLostTail = hasLostTail
    }
  }

  /// Epochs from outside are bounded by this, so that numbers never run out.
  public static let epochMax: UInt32 = .max - 1_000_000

  /// The highest number that was ever issued or heard of.
  public private(set) var highest: UInt32
  /// The number of the engine's live model.
  public private(set) var live: UInt32?
  /// The number that the readers' pointer names.
  public private(set) var visible: UInt32?
  /// The epoch under which every user has been published.
  public private(set) var rolledOut: UInt32
  public private(set) var job = Job.none
  public private(set) var rollout: Rollout?
  /// The highest number in a durable snapshot of this process.
  private var durable: UInt32 = 0
  /// A number that must be durable before anything is published: it replaced one that readers know.
  private var required: UInt32 = 0
  /// All users of an epoch are submitted; it is rolled out when the ticket is acknowledged.
  private var usersSubmitted: (epoch: UInt32, ticket: UInt64)?

  public init(highest: UInt32 = 0, live: UInt32? = nil, rolledOut: UInt32 = 0) {
    self.highest = max(highest, live ?? 0)
    self.live = live
    self.rolledOut = rolledOut
  }

  /// The number of a trained model that is not live yet.
  public var pending: UInt32? {
    switch job {
    case .awaitingDurability(_, let epoch): epoch
    case .publishing(_, let epoch): epoch == live ? nil : epoch
    case .none, .training: nil
    }
  }

  /// False while a number that replaced one known to readers is not durable.
  public var allowsPublishing: Bool { durable >= required }

  /// Whether readers have the epoch that lists are made with.
  public var isLiveVisible: Bool { live != nil && live == visible }

  // MARK: Trainings

  public mutating func beginTraining(job id: String) {
    precondition(job == .none, "a training begins while \(job)")
    job = .training(id: id)
  }

  /// Refused, failed or cancelled: nothing comes of the training.
  public mutating func endTraining() {
    guard case .training = job else { return }
    job = .none
  }

  /// Takes a trained model as the next one and issues its number.
  public mutating func adopt() -> (epoch: UInt32, actions: [Action]) {
    let id = if case .training(let id) = job { id } else { "" }
    let epoch = issue()
    job = .awaitingDurability(id: id, epoch: epoch)
    return (epoch, [.requestSnapshot])
  }

  private mutating func issue() -> UInt32 {
    highest += 1
    return highest
  }

  /// A snapshot that holds every number up to `epoch` is durable.
  public mutating func snapshotDurable(epoch: UInt32) -> [Action] {
    durable = max(durable, epoch)
    guard allowsPublishing, case .awaitingDurability(let id, let next) = job, durable >= next else { return [] }
    job = .publishing(id: id, epoch: next)
    return start(next, installs: true)
  }

  // MARK: The view

  /// The view was met for the first time, came back, or was found to have lost data.
  public mutating func viewConnected(_ view: View) -> [Action] {
    var actions = renumber(above: view.epoch)
    visible = view.epoch
    if let current = rollout, current.installs {
      // Item vectors of the coming epoch went with the rest, or were written under the number that it had before.
      if let pending, view.isLost || pending != current.epoch { actions += start(pending, installs: true) }
      return actions
    }
    guard let live else { return actions }
    // Only the pending model has a number above the view's; nothing of the live one is shown any more.
    if let epoch = view.epoch, epoch > live { return actions }
    let isOnItsWay = rollout != nil || usersSubmitted?.epoch == live
    if view.epoch != live || view.isLost {
      actions += start(live, installs: false)
    } else if view.isBehind || (rolledOut != live && !isOnItsWay) {
      rollout = Rollout(epoch: live, installs: false, phase: .users(next: UserReference(partition: 0, index: 0)))
      actions.append(.forgetSubmittedLists)
    } else if view.hasLostTail {
      repeatTail(of: live)
    }
    return actions
  }

  private mutating func repeatTail(of epoch: UInt32) {
    switch rollout?.phase {
    case nil, .similar, .retire: rollout = Rollout(epoch: epoch, installs: false, phase: .similar(next: 0))
    case .items, .itemsSubmitted, .users: break  // the tail is yet to come
    }
  }

  /// Our models need numbers above one that readers know already: an old snapshot was restored.
  private mutating func renumber(above epoch: UInt32?) -> [Action] {
    guard let epoch else { return [] }
    highest = max(highest, epoch)
    var actions: [Action] = []
    if let pending, pending <= epoch {
      let number = issue()
      switch job {
      case .awaitingDurability(let id, _): job = .awaitingDurability(id: id, epoch: number)
      case .publishing(let id, _): job = .publishing(id: id, epoch: number)
      case .none, .training: break
      }
      actions.append(.renumberPending(number))
    } else if pending == nil, let live, live < epoch {
      let number = issue()
      self.live = number
      if case .publishing(let id, _) = job { job = .publishing(id: id, epoch: number) }
      actions.append(.renumberLive(number))
    }
    guard !actions.isEmpty else { return [] }
    required = highest
    return actions + [.requestSnapshot]
  }

  // MARK: The roll-out

  private mutating func start(_ epoch: UInt32, installs: Bool) -> [Action] {
    usersSubmitted = nil
    rollout = Rollout(epoch: epoch, installs: installs, phase: .items(next: 0))
    return installs ? [] : [.forgetSubmittedLists]
  }

  mutating func continueRollout(_ phase: Rollout.Phase) { rollout?.phase = phase }

  mutating func endRollout() { rollout = nil }

  /// The pointer is written with the next batch, and with that the epoch becomes the live one.
  mutating func movePointer() -> [Action] {
    guard var current = rollout else { return [] }
    live = current.epoch
    visible = current.epoch
    current.installs = false
    current.phase = .users(next: UserReference(partition: 0, index: 0))
    rollout = current
    if case .publishing(let id, current.epoch) = job { return [.pointerMoved(job: id, epoch: current.epoch)] }
    return []
  }

  /// Lists of every user of the epoch are submitted; `ticket` is that of the last of them.
  mutating func submittedUsers(ticket: UInt64) {
    if let rollout { usersSubmitted = (rollout.epoch, ticket) }
  }

  mutating func acknowledged(through ticket: UInt64) -> [Action] {
    guard let submitted = usersSubmitted, submitted.ticket <= ticket else { return [] }
    usersSubmitted = nil
    rolledOut = submitted.epoch
    guard case .publishing(let id, submitted.epoch) = job else { return [] }
    job = .none
    return [.jobDone(job: id, epoch: submitted.epoch)]
  }

  /// The pending model becomes the live one where nobody reads a view: in evaluations.
  mutating func install() {
    guard let pending else { return }
    live = pending
    if case .awaitingDurability = job { job = .none }
  }

  public static func == (a: ModelLifecycle, b: ModelLifecycle) -> Bool {
    a.highest == b.highest && a.live == b.live && a.visible == b.visible && a.rolledOut == b.rolledOut && a.job == b.job
      && a.rollout == b.rollout && a.durable == b.durable && a.required == b.required && a.usersSubmitted?.epoch == b.usersSubmitted?.epoch
      && a.usersSubmitted?.ticket == b.usersSubmitted?.ticket
  }
}
