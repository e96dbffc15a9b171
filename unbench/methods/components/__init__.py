"""Parts that methods are built from: losses, masks, gradients of single examples, adversarial images, schedules."""
