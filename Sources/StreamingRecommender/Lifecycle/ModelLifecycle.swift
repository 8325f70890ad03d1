/// Tracks each model epoch from training to publication and is the only place that issues epoch numbers.
///
/// A value type: methods take events and return the actions that the caller must execute.
///
///     none -> training -> awaiting durability -> publishing (item vectors, pointer, every user) -> none
public struct ModelLifecycle: Sendable, Equatable {
  /// The state of the job that produces the next model.
  public enum Job: Sendable, Equatable {
    case none
    case training(id: String)
    /// Trained and adopted. The epoch is not published until a snapshot that contains it is durable.
    case awaitingDurability(id: String, epoch: UInt32)
    /// The roll-out is in progress; it is complete when every user has a list of the epoch.
    case publishing(id: String, epoch: UInt32)
  }

  /// An action that the caller must execute.
  public enum Action: Sendable, Equatable {
    /// Write a snapshot now.
    case requestSnapshot
    /// The live or the pending model has a new epoch number.
    case renumberLive(UInt32)
    case renumberPending(UInt32)
    /// Lists submitted under this epoch are invalid; the lists of all users must be submitted again.
    case forgetSubmittedLists
    /// The pointer was switched to the epoch of the job; the lists of users follow.
    case pointerMoved(job: String, epoch: UInt32)
    /// Every user has a list of the epoch of the job.
    case jobDone(job: String, epoch: UInt32)
  }

  /// The state of the view (the published data in the store), as found when a connection is established.
  public struct View: Sendable, Equatable {
    /// The epoch that the pointer names; `nil` if there is no pointer.
    public var epoch: UInt32?
    /// Published data were lost, beyond the keys of single users.
    public var isLost: Bool
    /// Published lists may be older than the state.
    public var isBehind: Bool
    /// The final phases of a roll-out (similar items, removal of old vectors) are partly missing.
    public var hasLostTail = false

    public init(epoch: UInt32?, isLost: Bool, isBehind: Bool, hasLostTail: Bool = false) {
      self.epoch = epoch
      self.isLost = isLost
      self.isBehind = isBehind
      self.hasLostTail = hasLostTail
    }
  }

  /// Upper bound for epochs read from snapshots and views, so that epoch numbers cannot overflow.
  public static let epochMax: UInt32 = .max - 1_000_000

  /// The highest epoch that was ever issued or read from a view.
  public private(set) var highest: UInt32
  /// The epoch of the live model of the engine.
  public private(set) var live: UInt32?
  /// The epoch that the published pointer names.
  public private(set) var visible: UInt32?
  /// The last epoch whose roll-out to all users is complete.
  public private(set) var rolledOut: UInt32
  public private(set) var job = Job.none
  public private(set) var rollout: Rollout?
  /// The highest epoch in a durable snapshot of this process.
  private var durable: UInt32 = 0
  /// An epoch that must be durable before anything is published, because it replaced an epoch known to readers.
  private var required: UInt32 = 0
  /// The epoch whose user lists are all submitted; the roll-out is complete when the ticket is acknowledged.
  private var usersSubmitted: (epoch: UInt32, ticket: UInt64)?

  public init(highest: UInt32 = 0, live: UInt32? = nil, rolledOut: UInt32 = 0) {
    self.highest = max(highest, live ?? 0)
    self.live = live
    self.rolledOut = rolledOut
  }

  /// The epoch of the trained model that is not live yet.
  public var pending: UInt32? {
    switch job {
    case .awaitingDurability(_, let epoch): epoch
    case .publishing(_, let epoch): epoch == live ? nil : epoch
    case .none, .training: nil
    }
  }

  /// False while an epoch that replaced one known to readers is not durable.
  public var allowsPublishing: Bool { durable >= required }

  /// Whether the published pointer names the epoch of the live model.
  public var isLiveVisible: Bool { live != nil && live == visible }

  // MARK: Trainings

  /// Starts a training job. Traps if another job is in progress.
  public mutating func beginTraining(job id: String) {
    precondition(job == .none, "cannot start a training while the job is \(job)")
    job = .training(id: id)
  }

  /// Ends a training that was rejected, failed or cancelled.
  public mutating func endTraining() {
    guard case .training = job else { return }
    job = .none
  }

  /// Adopts a trained model as the next one and issues its epoch.
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

  /// Reports that a snapshot containing every epoch up to `epoch` is durable.
  public mutating func snapshotDurable(epoch: UInt32) -> [Action] {
    durable = max(durable, epoch)
    guard allowsPublishing, case .awaitingDurability(let id, let next) = job, durable >= next else { return [] }
    job = .publishing(id: id, epoch: next)
    return start(next, installs: true)
  }

  // MARK: The view

  /// Reports that the view was connected, reconnected, or found to have lost data.
  public mutating func viewConnected(_ view: View) -> [Action] {
    var view = view
    // A number beyond the bound is not ours.
    if let epoch = view.epoch, epoch > Self.epochMax { view.epoch = nil }
    var actions = renumber(above: view.epoch)
    visible = view.epoch
    if let current = rollout, current.installs {
      // The item vectors of the pending epoch were lost, or were written under its previous number.
      if let pending, view.isLost || pending != current.epoch { actions += start(pending, installs: true) }
      return actions
    }
    guard let live else { return actions }
    // The pending epoch is above that of the view, so the live epoch is not published any more.
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
    case .items, .itemsSubmitted, .users: break  // the final phases are still to come
    }
  }

  /// Renumbers the pending or live model above the epoch of the view. Required after the restore of an old snapshot, when readers already
  /// know a higher epoch.
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

  /// Publishes the live epoch again, whatever the view holds. A roll-out in progress goes on instead.
  package mutating func republish() -> [Action] {
    guard let live, rollout == nil else { return [] }
    return start(live, installs: false)
  }

  package mutating func continueRollout(_ phase: Rollout.Phase) { rollout?.phase = phase }

  package mutating func endRollout() { rollout = nil }

  /// Makes the epoch live; the pointer is published with the next batch.
  package mutating func movePointer() -> [Action] {
    guard var current = rollout else { return [] }
    live = current.epoch
    visible = current.epoch
    current.installs = false
    current.phase = .users(next: UserReference(partition: 0, index: 0))
    rollout = current
    if case .publishing(let id, current.epoch) = job { return [.pointerMoved(job: id, epoch: current.epoch)] }
    return []
  }

  /// Reports that the lists of all users of the epoch are submitted; `ticket` is that of the last one.
  package mutating func submittedUsers(epoch: UInt32, ticket: UInt64) {
    if epoch == live { usersSubmitted = (epoch, ticket) }
  }

  package mutating func acknowledged(through ticket: UInt64) -> [Action] {
    guard let submitted = usersSubmitted, submitted.ticket <= ticket else { return [] }
    usersSubmitted = nil
    rolledOut = submitted.epoch
    guard case .publishing(let id, submitted.epoch) = job else { return [] }
    job = .none
    return [.jobDone(job: id, epoch: submitted.epoch)]
  }

  /// Makes the pending model live without a roll-out; used by evaluations.
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
